#include "sandbox/world/engine_log.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {
namespace {

struct Story {
  Engine engine = Engine::kOther;
  std::string image, arguments, node;
  int devices = 0;
  WallTime begin{}, up{};
  std::optional<WallTime> ended;
  int64_t exit_code = 0;
};

std::optional<WallTime> time_at(const Json& value, std::initializer_list<std::string_view> path) {
  const auto time = parse_rfc3339(string_at(value, path));
  return time ? std::optional(*time) : std::nullopt;
}

const Json* item_named(const Json* list, const std::string& name) {
  for (size_t i = 0; list != nullptr && list->is_array() && i < list->size(); ++i) {
    if (string_at((*list)[i], {"name"}) == name) return &(*list)[i];
  }
  return nullptr;
}

Story story_of(const Json& pod, const std::string& name) {
  Story out;
  if (const Json* container = item_named(find_path(pod, {"spec", "containers"}), name)) {
    out.image = string_at(*container, {"image"});
    out.engine = engine_of(out.image);
    if (const Json* args = find(*container, "args"); args != nullptr && args->is_array()) {
      for (const Json& arg : *args)
        out.arguments += (out.arguments.empty() ? "" : " ") + (arg.is_string() ? arg.get<std::string>() : "");
    }
    const std::string gpus = string_at(*container, {"resources", "limits", "nvidia.com/gpu"});
    out.devices = std::atoi(gpus.c_str());
  }
  out.node = string_at(pod, {"spec", "nodeName"});
  const auto created = time_at(pod, {"metadata", "creationTimestamp"}).value_or(WallTime{});
  out.begin = time_at(pod, {"status", "startTime"}).value_or(created);
  out.up = out.begin;
  if (const Json* status = item_named(find_path(pod, {"status", "containerStatuses"}), name)) {
    if (const auto time = time_at(*status, {"state", "running", "startedAt"})) out.up = *time;
    out.ended = time_at(*status, {"state", "terminated", "finishedAt"});
    if (const auto time = time_at(*status, {"state", "terminated", "startedAt"}); out.ended && time)
      out.up = *time;
    if (const Json* code = find_path(*status, {"state", "terminated", "exitCode"});
        code != nullptr && code->is_number_integer()) {
      out.exit_code = code->get<int64_t>();
    }
  }
  return out;
}

/// "11-24 14:00:03" of "2026-11-24T14:00:03Z".
std::string short_time(WallTime time) {
  std::string text = format_rfc3339(time);
  text = text.substr(5, 14);
  text[5] = ' ';
  return text;
}

}  // namespace

std::string log_prefix(Engine engine, WallTime time) {
  const std::string iso = format_rfc3339(time);
  if (engine == Engine::kVllm) return fmt::format("INFO {} ", short_time(time));
  if (engine == Engine::kSglang) return fmt::format("[{} {}] ", iso.substr(0, 10), iso.substr(11, 8));
  if (engine == Engine::kTgi) return fmt::format("{}  INFO text_generation_launcher: ", iso);
  return fmt::format("[{}] [I] ", iso);
}

std::vector<LogLine> start_lines(const Json& pod, const std::string& container, const EngineShape& shape) {
  const Story story = story_of(pod, container);
  if (story.engine == Engine::kOther) {
    return {{story.up, fmt::format("[sandbox] {} of {} is simulated: no process runs behind it", container,
                                   story.image)}};
  }
  std::vector<LogLine> out;
  const auto at = [&](int percent, std::string text) {
    const WallTime time = story.begin + (story.up - story.begin) * percent / 100;
    out.push_back({time, log_prefix(story.engine, time) + std::move(text)});
  };
  const double seconds =
      static_cast<double>(std::chrono::floor<Millis>(story.up - story.begin).count()) / 1e3;
  const ServingModel model(shape);
  const std::string_view version = version_of(story.image);
  at(5, fmt::format("{}{}{} on node {} with {} device{} (simulated by stowage-sandbox)",
                    engine_name(story.engine), version.empty() ? "" : " version ", version, story.node,
                    story.devices, story.devices == 1 ? "" : "s"));
  if (!story.arguments.empty()) at(5, "arguments: " + story.arguments);
  const std::string rank = string_at(pod, {"metadata", "labels", "stowage.dev/rank"});
  const std::string group = string_at(pod, {"metadata", "annotations", "stowage.dev/group-size"});
  if (!group.empty() && group != "1") at(10, fmt::format("rank {} of {} joined the group", rank, group));
  at(20, fmt::format("loading {:.1f} GiB of weights", shape.weights_gib));
  at(70, fmt::format("loading weights took {:.2f} seconds", seconds * 0.5));
  if (rank.empty() || rank == "0") {
    at(80,
       fmt::format("KV cache: {} tokens, {} blocks of 16", model.cache_tokens(), model.cache_tokens() / 16));
    at(100, "application startup complete; GET /health answers 200");
  } else {
    at(100, "waiting for work from rank 0");
  }
  return out;
}

std::vector<LogLine> end_lines(const Json& pod, const std::string& container) {
  const Story story = story_of(pod, container);
  if (story.engine == Engine::kOther) return {};
  std::vector<LogLine> out;
  const auto say = [&](WallTime time, std::string text) {
    out.push_back({time, log_prefix(story.engine, time) + std::move(text)});
  };
  if (story.ended) {
    say(*story.ended, fmt::format("process ended with exit code {}", story.exit_code));
  } else if (const auto deleted = time_at(pod, {"metadata", "deletionTimestamp"})) {
    const Json* grace = find_path(pod, {"metadata", "deletionGracePeriodSeconds"});
    const int64_t seconds = grace != nullptr && grace->is_number_integer() ? grace->get<int64_t>() : 0;
    say(*deleted - std::chrono::seconds(seconds),
        fmt::format("received SIGTERM: draining for at most {} s", seconds));
  }
  return out;
}

std::string traffic_line(Engine engine, WallTime time, const ServingModel& model) {
  return log_prefix(engine, time) +
         fmt::format(
             "prompt throughput: {:.1f} tokens/s, generation throughput: {:.1f} tokens/s, running: {} "
             "reqs, waiting: {} reqs, KV cache usage: {:.1f}%",
             model.prompt_rate(), model.generation_rate(), std::lround(model.running()),
             std::lround(std::ceil(model.waiting())), model.cache_usage() * 100);
}

}  // namespace stowage::sandbox
