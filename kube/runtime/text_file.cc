#include "kube/runtime/text_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace stowage::kube {

Result<std::string> read_text_file(const std::string& path, size_t limit) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return fail(Code::kNotFound, fmt::format("{}: is a folder, not a file", path));
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Code::kNotFound, fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
  std::string text;
  std::string piece(size_t{1} << 16, '\0');
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    text.append(piece, 0, static_cast<size_t>(in.gcount()));
    if (text.size() > limit)
      return fail(Code::kInvalidArgument, fmt::format("{}: larger than {} MiB", path, limit >> 20));
  }
  if (in.bad()) return fail(Code::kNotFound, fmt::format("{}: cannot be read", path));
  return text;
}

Result<void> write_text_file(const std::string& path, const std::string& text) {
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) {
    return fail(Code::kUnavailable, fmt::format("{}: cannot be written: {}", path,
                                                errno != 0 ? std::strerror(errno) : "disk full?"));
  }
  return {};
}

}  // namespace stowage::kube
