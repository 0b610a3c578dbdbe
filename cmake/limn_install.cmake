include(GNUInstallDirs)
install(TARGETS limn EXPORT limn FILE_SET HEADERS)
