# Compiler, language level, warnings, sanitizers and hardening: one place for every target.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "GCC ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutine calls (aggregate temporaries inside co_await are "
    "freed twice). Use the presets, which choose clang++-19: cmake --preset dev")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

set(STOWAGE_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=")
option(STOWAGE_HARDEN "OpenSSF hardening flags" OFF)
option(STOWAGE_WERROR "Warnings are errors" OFF)
option(STOWAGE_COVERAGE "Source-based coverage" OFF)
option(STOWAGE_FUZZ "Build libFuzzer targets" OFF)

# The same sources in two checkouts share ccache entries; binaries carry no path of the build machine.
find_program(STOWAGE_CCACHE ccache)
if(STOWAGE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${STOWAGE_CCACHE}")
endif()

add_library(stowage_flags INTERFACE)
target_include_directories(stowage_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(stowage_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor
  # Members left out of a designated initialiser take their defaults: that is what defaults are for.
  -Wno-missing-designated-field-initializers -Wno-missing-field-initializers
  # std::stable_sort of libstdc++ 12 calls std::get_temporary_buffer, which it deprecates.
  -Wno-deprecated-declarations)
target_compile_definitions(stowage_flags INTERFACE "STOWAGE_VERSION=\"${PROJECT_VERSION}\"")
target_link_options(stowage_flags INTERFACE -fuse-ld=lld)
if(STOWAGE_WERROR)
  target_compile_options(stowage_flags INTERFACE -Werror)
endif()
if(STOWAGE_SANITIZE)
  target_compile_options(stowage_flags INTERFACE
    -fsanitize=${STOWAGE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(stowage_flags INTERFACE -fsanitize=${STOWAGE_SANITIZE})
endif()
if(STOWAGE_COVERAGE)
  target_compile_options(stowage_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(stowage_flags INTERFACE -fprofile-instr-generate)
endif()
if(STOWAGE_HARDEN)
  target_compile_definitions(stowage_flags INTERFACE _FORTIFY_SOURCE=3 _GLIBCXX_ASSERTIONS)
  target_compile_options(stowage_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero -fPIE)
  target_link_options(stowage_flags INTERFACE -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
