// Configuration files of the programs: every type of value, sections and lists.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "kube/runtime/config_file.h"

namespace {

using namespace stowage;

void read_values(kube::ConfigSection section) {
  bool flag = false;
  int64_t whole = 5;
  double real = 0.5;
  std::string word = "one";
  Millis span{1'000};
  std::vector<std::string> words;
  section.read("flag", flag);
  section.read("whole", whole, 1, 10);
  section.read("real", real, 0, 1);
  section.read("word", word, {"one", "two"});
  section.read("span", span, Millis{500});
  section.read("words", words);
  STOWAGE_CHECK(whole >= 1 && whole <= 10, "a number beyond its limits");
  STOWAGE_CHECK(real >= 0 && real <= 1, "a number beyond its limits");
  STOWAGE_CHECK(word == "one" || word == "two", "a word that is none of the choices");
  STOWAGE_CHECK(span >= Millis{500}, "a span below the least");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto file = kube::ConfigFile::parse(text, "file", "OperatorConfig");
  if (!file) {
    STOWAGE_CHECK(file.error().message.starts_with("file:"), "an error without a place");
    return 0;
  }
  kube::ConfigSection root = file->root();
  read_values(root);
  read_values(root.section("section"));
  for (const auto& item : root.list("list"))
    read_values(item);
  const auto outcome = file->finish();
  if (!outcome) STOWAGE_CHECK(outcome.error().message.starts_with("file:"), "an error without a place");
  return 0;
}
