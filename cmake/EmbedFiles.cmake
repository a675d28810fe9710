# cmake -DOUTPUT=F -DFILES=a;b -DHEADER=H -DNAMESPACE=N -DTYPE=T -DFUNCTION=f -P EmbedFiles.cmake: writes the files as C++ raw
# string literals: `const std::vector<T>& f()` with one {name, content} a file, declared in H.
set(text "#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n\n")
string(APPEND text "const std::vector<${TYPE}>& ${FUNCTION}() {\n")
string(APPEND text "  static const std::vector<${TYPE}> kFiles = {\n")
foreach(file IN LISTS FILES)
  file(READ "${file}" content)
  get_filename_component(name "${file}" NAME)
  string(APPEND text "      {\"${name}\", R\"yaml(${content})yaml\"},\n")
endforeach()
string(APPEND text "  };\n  return kFiles;\n}\n\n}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUTPUT}" "${text}")
