# `cmake --install` and what find_package(limn) reads. One export file a part, so that a consumer of the headers alone needs
# none of the parts' outside libraries.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(limn_package ${CMAKE_INSTALL_LIBDIR}/cmake/limn)
set(limn_parts limn json image text eigen hdf5 cuda)
if(LIMN_TESTS OR LIMN_EXAMPLES OR LIMN_BENCHMARKS)
  list(APPEND limn_parts kernels)  # built, since these link it
endif()
foreach(part ${limn_parts})
  set(target limn_${part})
  if(part STREQUAL limn)
    set(target limn)
  endif()
  if(TARGET ${target})
    install(TARGETS ${target} EXPORT limn_${part} FILE_SET HEADERS)
    install(EXPORT limn_${part} NAMESPACE limn:: FILE limn_${part}.cmake DESTINATION ${limn_package})
  endif()
endforeach()
configure_package_config_file(cmake/limn_config.cmake.in ${PROJECT_BINARY_DIR}/limn-config.cmake
                              INSTALL_DESTINATION ${limn_package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/limn-config-version.cmake COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/limn-config.cmake ${PROJECT_BINARY_DIR}/limn-config-version.cmake
        DESTINATION ${limn_package})
