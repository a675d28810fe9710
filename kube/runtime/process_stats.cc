#include "kube/runtime/process_stats.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace stowage::kube {
namespace {

std::string read_file(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

ProcessStats::ProcessStats(Metrics& metrics)
    : resident_(metrics.gauge("process_resident_memory_bytes", "Resident memory.")),
      virtual_(metrics.gauge("process_virtual_memory_bytes", "Virtual memory.")),
      cpu_(metrics.gauge("process_cpu_seconds_total", "User and system CPU time.")),
      fds_(metrics.gauge("process_open_fds", "Open file descriptors.")),
      start_(metrics.gauge("process_start_time_seconds", "Start of the process since the epoch.")) {
  update();
}

void ProcessStats::update() {
  const std::string stat = read_file("/proc/self/stat");
  // The second field is the program's name in parentheses and may hold anything; fields are counted after it.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string word;
  double user = 0, system = 0, started = 0, vsize = 0, rss = 0;
  for (int field = 3; fields >> word; ++field) {  // proc(5): state is field 3
    if (field == 14) user = std::stod(word);
    if (field == 15) system = std::stod(word);
    if (field == 22) started = std::stod(word);
    if (field == 23) vsize = std::stod(word);
    if (field == 24) {
      rss = std::stod(word);
      break;
    }
  }
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  cpu_.set((user + system) / ticks);
  virtual_.set(vsize);
  resident_.set(rss * static_cast<double>(sysconf(_SC_PAGESIZE)));
  const std::string boot = read_file("/proc/stat");
  if (const size_t at = boot.find("btime "); at != std::string::npos) {
    start_.set(std::stod(boot.substr(at + 6)) + started / ticks);
  }
  std::error_code error;
  const std::filesystem::directory_iterator open_files("/proc/self/fd", error);
  if (!error) fds_.set(static_cast<double>(std::distance(begin(open_files), end(open_files))));
}

}  // namespace stowage::kube
