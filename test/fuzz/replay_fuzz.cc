// Files of stowage-replay: the first byte chooses SchedulingPolicy, scenario or table, the rest is the file.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "gpu-scheduler/replay/csv.h"
#include "gpu-scheduler/replay/policy_file.h"
#include "gpu-scheduler/replay/scenario.h"

namespace {

template <class Value>
void look_at(const stowage::Result<Value>& result) {
  if (!result) STOWAGE_CHECK(result.error().message.starts_with("file:"), "an error without a place");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stowage::replay;
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) return look_at(read_policy(text, "file")), 0;
  if (data[0] % 3 == 1) return look_at(read_scenario(text, "file", "no-such-folder")), 0;
  const auto table = CsvTable::parse(text, "file");
  look_at(table);
  if (!table || table->column("n") < 0) return 0;
  for (size_t row = 0; row < table->size(); ++row) {
    const auto number = table->number(row, table->column("n"), 1'000);
    look_at(number);
    STOWAGE_CHECK(!number || (*number >= 0 && *number <= 1'000), "a number beyond its limit");
  }
  return 0;
}
