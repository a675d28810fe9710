# One function per kind of target, so that a room's CMakeLists.txt only says what it depends on.
include(CMakeParseArguments)

# Every program, and nothing that only tests need.
add_custom_target(programs)

# stowage_library(<name> [DEPS <targets>...]): all *.cc of this folder (not of its sub-folders), or SOURCES.
function(stowage_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_SOURCES)
    file(GLOB ARG_SOURCES CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
    list(FILTER ARG_SOURCES EXCLUDE REGEX "/main\\.cc$")
  endif()
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC stowage_flags ${ARG_DEPS})
endfunction()

# stowage_program(<name> SOURCES ... DEPS ...): an executable in <build>/bin.
function(stowage_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE stowage_flags ${ARG_DEPS})
  add_dependencies(programs ${name})
endfunction()

# stowage_unit_tests(<name> DEPS ...): all *_test.cc of this folder in one Catch2 program, one ctest entry a file.
function(stowage_unit_tests name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc")
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE stowage_test_support ${ARG_DEPS})
  foreach(source IN LISTS sources)
    get_filename_component(stem "${source}" NAME_WE)
    add_test(NAME ${name}/${stem} COMMAND ${name} "--filenames-as-tags" "[#${stem}]")
    set_tests_properties(${name}/${stem} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS unit)
  endforeach()
endfunction()
