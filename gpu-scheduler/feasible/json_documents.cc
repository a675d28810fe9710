#include "gpu-scheduler/feasible/json_documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace stowage::feasible {
namespace {

/// Length of the JSON object at the front of `text`, or npos when it does not end.
size_t object_length(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace

Result<void> each_document(std::string_view text, const std::function<Result<void>(const Document&)>& use) {
  Document document;
  const auto skip = [&](size_t length) {
    document.line += static_cast<size_t>(std::ranges::count(text.substr(0, length), '\n'));
    text.remove_prefix(length);
  };
  const auto skip_blanks = [&] {
    const auto* end =
        std::ranges::find_if(text, [](char c) { return std::isspace(static_cast<unsigned char>(c)) == 0; });
    skip(static_cast<size_t>(end - text.begin()));
  };
  for (skip_blanks(); !text.empty(); ++document.number) {
    if (text.front() != '{') {
      return fail(
          Code::kMalformed,
          fmt::format("{}: want a JSON object, as `kubectl get ... -o json` prints it", document.line));
    }
    const size_t length = object_length(text);
    if (length == std::string_view::npos) {
      return fail(Code::kMalformed,
                  fmt::format("{}: the JSON object that begins here does not end: is the file complete?",
                              document.line));
    }
    Document here = document;
    here.text = text.substr(0, length);
    skip(length);
    skip_blanks();
    here.only = here.number == 1 && text.empty();
    TRY_VOID(use(here));
  }
  return {};
}

}  // namespace stowage::feasible
