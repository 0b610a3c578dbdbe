# limn_developer(TARGET): what every target of our own gets, and no consumer's: warnings, sanitizers.
function(limn_developer target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-psabi)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_compile_options(${target} PRIVATE -Wno-pass-failed)
  endif()
  if(LIMN_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(LIMN_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${LIMN_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${LIMN_SANITIZE})
  endif()
endfunction()

# limn_link_kernels(TARGET SOURCE): limn::kernels, unless the source calls a kernel's body by name (cpu::): then it includes the
# bodies, as everybody does who links limn::limn alone.
function(limn_link_kernels target source)
  file(STRINGS ${source} bodies REGEX "cpu::")
  if(NOT bodies)
    target_link_libraries(${target} PRIVATE limn::kernels)
  endif()
endfunction()
