# cmake -DIN=table -DOUT=file.cc -DNAME=kName -P embed.cmake: the table as one C++ string.
file(READ "${IN}" text)
file(WRITE "${OUT}"
  "#include <string_view>\n\nnamespace stowage::sandbox {\nextern const std::string_view ${NAME};\n"
  "const std::string_view ${NAME} = R\"__schema__(${text})__schema__\";\n}  // namespace stowage::sandbox\n")
