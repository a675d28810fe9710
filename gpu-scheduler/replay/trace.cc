#include "gpu-scheduler/replay/trace.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <tuple>

#include "gpu-scheduler/replay/csv.h"
#include "kube/runtime/text_file.h"

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

constexpr int64_t kLimit = int64_t{1} << 40;

constexpr size_t kMaxBytes = size_t{1} << 30;

/// Sorts by name. Error: a name that stands twice, with both lines.
template <class Entry>
Result<void> sort_by_name(const CsvTable& table, std::vector<Entry>& entries) {
  std::map<std::string_view, size_t> row_of;
  for (size_t row = 0; row < entries.size(); ++row) {
    auto [it, fresh] = row_of.emplace(entries[row].name, row);
    if (!fresh) {
      return table.wrong(row, fmt::format("\"{}\" stands twice, first in line {}", entries[row].name,
                                          table.line(it->second)));
    }
  }
  row_of.clear();
  std::ranges::sort(entries, {}, &Entry::name);
  return {};
}

Result<std::vector<TraceNode>> load_nodes(const std::string& path) {
  TRY(const auto text, kube::read_text_file(path, kMaxBytes));
  TRY(auto table, CsvTable::parse(text, path));
  TRY(int name, table.required("sn"));
  TRY(int cpu, table.required("cpu_milli"));
  TRY(int memory, table.required("memory_mib"));
  TRY(int gpu, table.required("gpu"));
  int model = table.column("model");
  std::vector<TraceNode> out;
  for (size_t row = 0; row < table.size(); ++row) {
    TraceNode node;
    TRY(node.name, table.text(row, name));
    TRY(node.cpu_milli, table.number(row, cpu, kLimit));
    TRY(node.memory_mib, table.number(row, memory, kLimit));
    TRY(int64_t gpus, table.number(row, gpu, static_cast<int64_t>(engine::kMaxDevices)));
    node.gpus = static_cast<int32_t>(gpus);
    if (model >= 0) node.model = table.cell(row, model);
    out.push_back(std::move(node));
  }
  if (out.empty()) return fail(Code::kInvalidArgument, fmt::format("{}:1: no nodes below the header", path));
  TRY_VOID(sort_by_name(table, out));
  return out;
}

/// A GPU demand that can be met: whole devices, or a share of one, of models that exist.
Result<void> check_gpus(const CsvTable& table, size_t row, const TracePod& pod, int64_t share,
                        const std::set<std::string_view>& models) {
  if (pod.gpus > 1 && share < engine::kWholeDevice) {
    return table.wrong(row,
                       fmt::format("{} GPUs of {}/1000: only a single GPU can be shared", pod.gpus, share));
  }
  if (pod.gpus > 0 && share == 0) return table.wrong(row, fmt::format("{} GPUs of 0/1000", pod.gpus));
  for (const auto& model : pod.models) {
    if (!models.contains(model)) {
      return table.wrong(row, fmt::format("gpu_spec names \"{}\", which no node has; the nodes have: {}",
                                          model, fmt::join(models, ", ")));
    }
  }
  return {};
}

Result<std::vector<TracePod>> load_pods(const std::string& path, const std::vector<TraceNode>& nodes) {
  TRY(const auto text, kube::read_text_file(path, kMaxBytes));
  TRY(auto table, CsvTable::parse(text, path));
  TRY(int name, table.required("name"));
  TRY(int cpu, table.required("cpu_milli"));
  TRY(int memory, table.required("memory_mib"));
  TRY(int count, table.required("num_gpu"));
  TRY(int milli, table.required("gpu_milli"));
  int spec = table.column("gpu_spec");
  std::array<int, 3> times{table.column("creation_time"), table.column("deletion_time"),
                           table.column("scheduled_time")};
  std::set<std::string_view> models;
  for (const auto& node : nodes) {
    if (!node.model.empty()) models.insert(node.model);
  }
  std::vector<TracePod> out;
  for (size_t row = 0; row < table.size(); ++row) {
    TracePod pod;
    TRY(pod.name, table.text(row, name));
    TRY(pod.cpu_milli, table.number(row, cpu, kLimit));
    TRY(pod.memory_mib, table.number(row, memory, kLimit));
    TRY(int64_t gpus, table.number(row, count, static_cast<int64_t>(engine::kMaxDevices)));
    TRY(int64_t share, table.number(row, milli, engine::kWholeDevice));
    pod.gpus = static_cast<int32_t>(gpus);
    pod.gpu_milli = gpus > 0 ? static_cast<int32_t>(share) : 0;
    if (spec >= 0 && !table.cell(row, spec).empty()) pod.models = split(table.cell(row, spec), '|');
    std::ranges::sort(pod.models);
    TRY_VOID(check_gpus(table, row, pod, share, models));
    std::array<int64_t*, 3> targets{&pod.creation_s, &pod.deletion_s, &pod.scheduled_s};
    for (size_t i = 0; i < times.size(); ++i) {
      if (times[i] < 0 || table.cell(row, times[i]).empty()) continue;
      TRY(*targets[i], table.number(row, times[i], kLimit));
    }
    out.push_back(std::move(pod));
  }
  if (out.empty()) return fail(Code::kInvalidArgument, fmt::format("{}:1: no pods below the header", path));
  TRY_VOID(sort_by_name(table, out));
  return out;
}

/// The numbers of one line. Error: a word that is none.
Result<std::vector<int64_t>> numbers_of(std::string_view line, std::string_view where) {
  std::vector<int64_t> out;
  while (true) {
    const size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) return out;
    line.remove_prefix(start);
    const std::string_view word = line.substr(0, line.find_first_of(" \t"));
    line.remove_prefix(word.size());
    int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || end != word.data() + word.size() || value < 0) {
      return fail(Code::kInvalidArgument,
                  fmt::format("{}: \"{}\" is not a whole number from 0: want a seed, then indices", where,
                              word.substr(0, 40)));
    }
    out.push_back(value);
  }
}

/// Lines of numbers: the seed, then one number an entry, each below `limit`; with `permutation` each of them
/// once.
Result<std::map<int64_t, std::vector<uint32_t>>> load_seeds(const std::string& path, size_t limit,
                                                            bool permutation) {
  TRY(const auto text, kube::read_text_file(path, kMaxBytes));
  std::map<int64_t, std::vector<uint32_t>> out;
  std::string_view rest = without_bom(text);
  for (size_t number = 1; !rest.empty(); ++number) {
    const std::string where = fmt::format("{}:{}", path, number);
    const auto refuse = [&](std::string sentence) {
      return fail(Code::kInvalidArgument, where + ": " + std::move(sentence));
    };
    TRY(const auto values, numbers_of(take_line(rest), where));
    if (values.empty()) continue;
    if (out.contains(values[0])) return refuse(fmt::format("seed {} stands twice", values[0]));
    auto& entries = out[values[0]];
    if (values.size() == 1) return refuse(fmt::format("seed {} has no entries", values[0]));
    if (permutation && values.size() - 1 != limit)
      return refuse(fmt::format("{} entries after the seed, expected {}", values.size() - 1, limit));
    std::vector<bool> seen(permutation ? limit : 0);
    for (size_t i = 1; i < values.size(); ++i) {
      if (values[i] >= static_cast<int64_t>(limit)) {
        return refuse(
            fmt::format("entry {} is {}, outside 0..{}: is the file of this list?", i, values[i], limit - 1));
      }
      const auto value = static_cast<uint32_t>(values[i]);
      if (permutation && seen[value]) return refuse(fmt::format("rank {} stands twice", value));
      if (permutation) seen[value] = true;
      entries.push_back(value);
    }
  }
  if (out.empty()) return fail(Code::kInvalidArgument, fmt::format("{}:1: the file is empty", path));
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
  TRY(trace.pods, load_pods(files.pods, trace.nodes));
  if (!files.order.empty()) {
    TRY(trace.order, load_seeds(files.order, trace.pods.size(), false));
  }
  if (!files.noderank.empty()) {
    TRY(trace.noderank, load_seeds(files.noderank, trace.nodes.size(), true));
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
  sorted.reserve(groups.size());
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
