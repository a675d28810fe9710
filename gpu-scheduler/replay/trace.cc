#include "gpu-scheduler/replay/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <tuple>

namespace stowage::replay {
namespace {

std::vector<std::string> split(std::string_view line, char separator) {
  std::vector<std::string> out;
  while (true) {
    size_t end = line.find(separator);
    out.emplace_back(line.substr(0, end));
    if (end == std::string_view::npos) return out;
    line.remove_prefix(end + 1);
  }
}

/// A CSV file whose first line names the columns; no quoting, as in the published lists.
class Table {
 public:
  static Result<Table> read(const std::string& path) {
    std::ifstream in(path);
    if (!in) return fail(Code::kNotFound, fmt::format("{}: cannot be opened", path));
    Table table;
    table.path_ = path;
    std::string line;
    size_t number = 0;
    while (std::getline(in, line)) {
      ++number;
      while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
        line.pop_back();
      if (line.empty()) continue;
      auto cells = split(line, ',');
      if (table.header_.empty()) {
        table.header_ = std::move(cells);
        continue;
      }
      if (cells.size() != table.header_.size()) {
        return fail(Code::kInvalidArgument, fmt::format("{}:{}: {} columns, the header has {}", path, number,
                                                        cells.size(), table.header_.size()));
      }
      table.rows_.push_back(std::move(cells));
      table.lines_.push_back(number);
    }
    if (table.header_.empty())
      return fail(Code::kInvalidArgument, fmt::format("{}:1: the file is empty", path));
    return table;
  }

  [[nodiscard]] size_t size() const { return rows_.size(); }
  /// Column of the name, or -1.
  [[nodiscard]] int column(std::string_view name) const {
    auto it = std::ranges::find(header_, name);
    return it == header_.end() ? -1 : static_cast<int>(it - header_.begin());
  }
  [[nodiscard]] Result<int> required(std::string_view name) const {
    int at = column(name);
    if (at < 0) return fail(Code::kInvalidArgument, fmt::format("{}:1: no column \"{}\"", path_, name));
    return at;
  }
  [[nodiscard]] const std::string& cell(size_t row, int column) const {
    return rows_[row][static_cast<size_t>(column)];
  }
  /// A number >= 0 in the cell.
  [[nodiscard]] Result<int64_t> number(size_t row, int column, int64_t limit) const {
    const auto& text = cell(row, column);
    int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    // Some lists write whole numbers as "1.0".
    bool fraction = end != text.data() + text.size() &&
                    std::string_view(end).find_first_not_of(".0") == std::string_view::npos;
    if (error != std::errc{} || (end != text.data() + text.size() && !fraction) || value < 0 ||
        value > limit) {
      return fail(Code::kInvalidArgument,
                  fmt::format("{}:{}: {} is \"{}\", not a number from 0 to {}", path_, lines_[row],
                              header_[static_cast<size_t>(column)], text, limit));
    }
    return value;
  }
  [[nodiscard]] std::string at(size_t row) const { return fmt::format("{}:{}", path_, lines_[row]); }

 private:
  std::string path_;
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> lines_;
};

constexpr int64_t kLimit = int64_t{1} << 40;

Result<std::vector<TraceNode>> load_nodes(const std::string& path) {
  TRY(auto table, Table::read(path));
  TRY(int name, table.required("sn"));
  TRY(int cpu, table.required("cpu_milli"));
  TRY(int memory, table.required("memory_mib"));
  TRY(int gpu, table.required("gpu"));
  int model = table.column("model");
  std::vector<TraceNode> out;
  for (size_t row = 0; row < table.size(); ++row) {
    TraceNode node{.name = table.cell(row, name)};
    TRY(node.cpu_milli, table.number(row, cpu, kLimit));
    TRY(node.memory_mib, table.number(row, memory, kLimit));
    TRY(int64_t gpus, table.number(row, gpu, static_cast<int64_t>(engine::kMaxDevices)));
    node.gpus = static_cast<int32_t>(gpus);
    if (model >= 0) node.model = table.cell(row, model);
    out.push_back(std::move(node));
  }
  if (out.empty()) return fail(Code::kInvalidArgument, fmt::format("{}: no nodes", path));
  std::ranges::sort(out, {}, &TraceNode::name);
  return out;
}

Result<std::vector<TracePod>> load_pods(const std::string& path) {
  TRY(auto table, Table::read(path));
  TRY(int name, table.required("name"));
  TRY(int cpu, table.required("cpu_milli"));
  TRY(int memory, table.required("memory_mib"));
  TRY(int count, table.required("num_gpu"));
  TRY(int milli, table.required("gpu_milli"));
  int spec = table.column("gpu_spec");
  std::array<int, 3> times{table.column("creation_time"), table.column("deletion_time"),
                           table.column("scheduled_time")};
  std::vector<TracePod> out;
  for (size_t row = 0; row < table.size(); ++row) {
    TracePod pod{.name = table.cell(row, name)};
    TRY(pod.cpu_milli, table.number(row, cpu, kLimit));
    TRY(pod.memory_mib, table.number(row, memory, kLimit));
    TRY(int64_t gpus, table.number(row, count, static_cast<int64_t>(engine::kMaxDevices)));
    TRY(int64_t share, table.number(row, milli, engine::kWholeDevice));
    if (gpus > 1 && share < engine::kWholeDevice) {
      return fail(
          Code::kInvalidArgument,
          fmt::format("{}: {} GPUs of {}/1000: only a single GPU can be shared", table.at(row), gpus, share));
    }
    if (gpus > 0 && share == 0) {
      return fail(Code::kInvalidArgument, fmt::format("{}: {} GPUs of 0/1000", table.at(row), gpus));
    }
    pod.gpus = static_cast<int32_t>(gpus);
    pod.gpu_milli = gpus > 0 ? static_cast<int32_t>(share) : 0;
    if (spec >= 0 && !table.cell(row, spec).empty()) pod.models = split(table.cell(row, spec), '|');
    std::ranges::sort(pod.models);
    std::array<int64_t*, 3> targets{&pod.creation_s, &pod.deletion_s, &pod.scheduled_s};
    for (size_t i = 0; i < times.size(); ++i) {
      if (times[i] < 0 || table.cell(row, times[i]).empty()) continue;
      TRY(*targets[i], table.number(row, times[i], kLimit));
    }
    out.push_back(std::move(pod));
  }
  if (out.empty()) return fail(Code::kInvalidArgument, fmt::format("{}: no pods", path));
  std::ranges::sort(out, {}, &TracePod::name);
  return out;
}

/// Lines of numbers: the seed, then one number per entry, each below `limit`.
Result<std::map<int64_t, std::vector<uint32_t>>> load_seeds(const std::string& path, size_t limit,
                                                            size_t exactly) {
  std::map<int64_t, std::vector<uint32_t>> out;
  std::ifstream in(path);
  if (!in) return fail(Code::kNotFound, fmt::format("{}: cannot be opened", path));
  std::string line;
  for (size_t number = 1; std::getline(in, line); ++number) {
    std::istringstream words(line);
    int64_t seed = 0;
    if (!(words >> seed)) {
      if (line.find_first_not_of(" \r\t") == std::string::npos) continue;
      return fail(Code::kInvalidArgument, fmt::format("{}:{}: does not begin with a seed", path, number));
    }
    auto& values = out[seed];
    if (!values.empty())
      return fail(Code::kInvalidArgument, fmt::format("{}:{}: seed {} stands twice", path, number, seed));
    int64_t value = 0;
    while (words >> value) {
      if (value < 0 || value >= static_cast<int64_t>(limit)) {
        return fail(Code::kInvalidArgument,
                    fmt::format("{}:{}: {} is outside 0..{}", path, number, value, limit - 1));
      }
      values.push_back(static_cast<uint32_t>(value));
    }
    if (!words.eof())
      return fail(Code::kInvalidArgument,
                  fmt::format("{}:{}: not a number after entry {}", path, number, values.size()));
    if (exactly != 0 && values.size() != exactly) {
      return fail(Code::kInvalidArgument,
                  fmt::format("{}:{}: {} entries, expected {}", path, number, values.size(), exactly));
    }
  }
  if (out.empty()) return fail(Code::kInvalidArgument, fmt::format("{}: no seeds", path));
  return out;
}

std::string trace_name(std::string_view path) {
  if (auto at = path.rfind('/'); at != std::string_view::npos) path.remove_prefix(at + 1);
  if (path.ends_with(".csv")) path.remove_suffix(4);
  constexpr std::string_view kPrefix = "openb_pod_list_";
  if (path.starts_with(kPrefix)) path.remove_prefix(kPrefix.size());
  return std::string(path);
}

}  // namespace

int64_t Trace::capacity_milli() const {
  int64_t sum = 0;
  for (const auto& node : nodes)
    sum += int64_t{node.gpus} * engine::kWholeDevice;
  return sum;
}

Result<Trace> load_trace(const TraceFiles& files) {
  Trace trace{.name = trace_name(files.pods)};
  TRY(trace.nodes, load_nodes(files.nodes));
  TRY(trace.pods, load_pods(files.pods));
  if (!files.order.empty()) {
    TRY(trace.order, load_seeds(files.order, trace.pods.size(), 0));
  }
  if (!files.noderank.empty()) {
    TRY(trace.noderank, load_seeds(files.noderank, trace.nodes.size(), trace.nodes.size()));
  }
  return trace;
}

Result<engine::ClusterState> build_cluster(const Trace& trace, const std::vector<uint32_t>& rank) {
  engine::ClusterState state;
  for (size_t i = 0; i < trace.nodes.size(); ++i) {
    const auto& node = trace.nodes[i];
    engine::NodeSpec spec{.name = node.name};
    spec.labels["model"] = node.model;
    spec.allocatable = {.cpu_milli = node.cpu_milli, .memory_bytes = node.memory_mib << 20, .pods = 1 << 20};
    if (node.gpus > 0) {
      spec.accelerators.push_back(
          {.resource = "gpu", .product = node.model, .count = node.gpus, .shareable = true});
    }
    if (i < rank.size()) spec.tie_rank = static_cast<int32_t>(rank[i]);
    TRY_VOID(state.upsert_node(std::move(spec)));
  }
  return state;
}

Result<std::vector<engine::ClassId>> intern_pods(const Trace& trace, engine::ClusterState& state) {
  std::vector<engine::ClassId> out;
  for (const auto& pod : trace.pods) {
    engine::PodClass wanted;
    wanted.requests = {.cpu_milli = pod.cpu_milli, .memory_bytes = pod.memory_mib << 20, .pods = 1};
    if (pod.gpus > 0) wanted.device = {.resource = "gpu", .count = pod.gpus, .milli = pod.gpu_milli};
    // A set without order: node affinity, because an engine's product list is a preference.
    if (!pod.models.empty()) {
      wanted.required_node_affinity = {{{{{{"model", engine::SelectorOperator::kIn, pod.models}}, {}}}}};
    }
    TRY(auto id, state.intern(wanted));
    out.push_back(id);
  }
  return out;
}

std::vector<engine::TypicalPod> typical_pods(const Trace& trace) {
  using Key = std::tuple<int64_t, int32_t, int32_t, std::vector<std::string>>;
  std::map<Key, int64_t> groups;
  for (const auto& pod : trace.pods)
    ++groups[{pod.cpu_milli, pod.gpu_milli, pod.gpus, pod.models}];
  std::vector<std::pair<int64_t, Key>> sorted;
  for (auto& [key, count] : groups)
    sorted.emplace_back(count, key);
  std::ranges::sort(sorted, std::greater{});
  std::vector<engine::TypicalPod> out;
  int64_t covered = 0;
  for (auto& [count, key] : sorted) {
    auto& [cpu, milli, gpus, models] = key;
    out.push_back({.cpu_milli = cpu,
                   .count = gpus,
                   .milli = gpus > 0 ? milli : engine::kWholeDevice,
                   .products = models,
                   .weight = count});
    covered += count;
    if (covered * 100 >= static_cast<int64_t>(trace.pods.size()) * 95) break;
  }
  return out;
}

}  // namespace stowage::replay
