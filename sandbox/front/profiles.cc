#include "sandbox/front/profiles.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace stowage::sandbox {
namespace {

using Json = nlohmann::json;
using Pairs = std::vector<std::pair<std::string, std::string>>;

/// Replaces {i}, {n:4}, {zone|a,b,c}; throws for names that are no counter.
std::string fill(const std::string& pattern, size_t index, size_t number,
                 const std::vector<std::pair<std::string, size_t>>& counters) {
  std::string out;
  for (size_t at = 0; at < pattern.size();) {
    if (pattern[at] != '{') {
      out += pattern[at++];
      continue;
    }
    const size_t end = pattern.find('}', at);
    if (end == std::string::npos)
      throw std::invalid_argument(fmt::format("\"{}\": a brace is not closed", pattern));
    const std::string inside = pattern.substr(at + 1, end - at - 1);
    at = end + 1;
    const size_t mark = std::min(inside.find(':'), inside.find('|'));
    const std::string name = inside.substr(0, mark);
    size_t value = index;
    if (name == "n") value = number;
    if (name != "i" && name != "n") {
      const auto it =
          std::find_if(counters.begin(), counters.end(), [&](const auto& c) { return c.first == name; });
      if (it == counters.end())
        throw std::invalid_argument(fmt::format("\"{}\": no counter is called \"{}\"", pattern, name));
      value = number / it->second;
    }
    if (mark == std::string::npos) {
      out += std::to_string(value);
    } else if (inside[mark] == ':') {
      out += fmt::format("{:0{}}", value, std::min(64UL, std::stoul(inside.substr(mark + 1))));
    } else {
      std::vector<std::string> items(1);
      for (const char c : inside.substr(mark + 1)) {
        if (c == ',') {
          items.emplace_back();
        } else {
          items.back() += c;
        }
      }
      out += items[value % items.size()];
    }
  }
  return out;
}

Pairs pairs(const YAML::Node& node) {
  Pairs out;
  for (const auto& entry : node)
    out.emplace_back(entry.first.as<std::string>(), entry.second.as<std::string>());
  return out;
}

void only(const YAML::Node& node, std::initializer_list<std::string_view> keys) {
  for (const auto& entry : node) {
    const auto key = entry.first.as<std::string>();
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      throw std::invalid_argument(fmt::format("unknown key \"{}\"", key));
  }
}

}  // namespace

std::string profiles_folder(const std::string& given) {
  if (!given.empty()) return given;
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& folder : {self / "../share/stowage/profiles", self / "../../../sandbox/profiles"}) {
    if (std::filesystem::is_directory(folder, error)) return folder.lexically_normal().string();
  }
  return "sandbox/profiles";
}

/// Reads a profile; mistakes unwind to load().
class ProfileReader {
 public:
  static Profile read(const YAML::Node& document) {
    only(document, {"name", "description", "pools"});
    if (!document["pools"] || document["pools"].size() == 0)
      throw std::invalid_argument("\"pools\" is missing or empty");
    Profile out;
    for (const YAML::Node& node : document["pools"]) {
      const std::string name = node["name"] ? node["name"].as<std::string>() : "?";
      try {
        out.pools_.push_back(pool(node));
      } catch (const std::exception& e) {
        throw std::invalid_argument(fmt::format("pool \"{}\": {}", name, e.what()));
      }
    }
    return out;
  }

 private:
  static Profile::Pool pool(const YAML::Node& node) {
    only(node, {"name", "count", "nodeName", "counters", "labels", "annotations", "taints", "capacity",
                "allocatable", "architecture", "accelerator", "price"});
    for (const char* key :
         {"name", "count", "nodeName", "labels", "capacity", "allocatable", "architecture"}) {
      if (!node[key]) throw std::invalid_argument(fmt::format("\"{}\" is missing", key));
    }
    Profile::Pool out;
    out.name = node["name"].as<std::string>();
    out.node_name = node["nodeName"].as<std::string>();
    out.architecture = node["architecture"].as<std::string>();
    out.count = node["count"].as<size_t>();
    if (out.count < 1 || out.count > 1000) throw std::invalid_argument("\"count\" must be 1..1000");
    for (const auto& entry : node["counters"]) {
      out.counters.emplace_back(entry.first.as<std::string>(), entry.second.as<size_t>());
      if (out.counters.back().second == 0)
        throw std::invalid_argument(
            fmt::format("counter \"{}\" must be at least 1", out.counters.back().first));
    }
    out.labels = pairs(node["labels"]);
    out.annotations = pairs(node["annotations"]);
    out.capacity = pairs(node["capacity"]);
    out.allocatable = pairs(node["allocatable"]);
    for (const YAML::Node& taint : node["taints"])
      out.taints.push_back(pairs(taint));
    (void)fill(out.node_name, 0, 0, out.counters);
    for (const auto& [key, pattern] : out.labels)
      (void)fill(pattern, 0, 0, out.counters);
    for (const auto& [key, pattern] : out.annotations)
      (void)fill(pattern, 0, 0, out.counters);
    return out;
  }
};

Result<Profile> Profile::load(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name + ".yaml";
  std::error_code error;
  if (name.find('/') != std::string::npos || !std::filesystem::exists(path, error)) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".yaml") names.insert(entry.path().stem().string());
    }
    const std::string known = fmt::format("{}", fmt::join(names, ", "));
    return fail(Code::kInvalidArgument,
                fmt::format("no profile {} in {}{}", name, folder,
                            known.empty() ? "; give the folder with --profiles" : "; there are: " + known));
  }
  try {
    return ProfileReader::read(YAML::LoadFile(path));
  } catch (const std::exception& e) {
    return fail(Code::kInvalidArgument, fmt::format("{}: {}", path, e.what()));
  }
}

Json Profile::node(size_t index) const {
  size_t round = 0;
  for (const Pool& pool : pools_)
    round += pool.count;
  size_t position = index % round;
  const Pool* pool = pools_.data();
  while (position >= pool->count)
    position -= (pool++)->count;
  const size_t number = index / round * pool->count + position;
  const std::string name = fill(pool->node_name, index, number, pool->counters);
  Json labels = {{"kubernetes.io/hostname", name},
                 {"kubernetes.io/os", "linux"},
                 {"kubernetes.io/arch", pool->architecture},
                 {"beta.kubernetes.io/os", "linux"},
                 {"beta.kubernetes.io/arch", pool->architecture}};
  for (const auto& [key, pattern] : pool->labels)
    labels[key] = fill(pattern, index, number, pool->counters);
  Json metadata = {{"name", name}, {"labels", std::move(labels)}};
  for (const auto& [key, pattern] : pool->annotations)
    metadata["annotations"][key] = fill(pattern, index, number, pool->counters);
  Json spec = Json::object();
  for (const auto& taint : pool->taints)
    spec["taints"].push_back(Json(std::map<std::string, std::string>(taint.begin(), taint.end())));
  Json status = {
      {"capacity", std::map<std::string, std::string>(pool->capacity.begin(), pool->capacity.end())},
      {"allocatable", std::map<std::string, std::string>(pool->allocatable.begin(), pool->allocatable.end())},
      {"nodeInfo",
       {{"architecture", pool->architecture},
        {"operatingSystem", "linux"},
        {"kubeletVersion", "v1.37.2"},
        {"osImage", "stowage-sandbox"},
        {"kernelVersion", "simulated"},
        {"containerRuntimeVersion", "simulated://1"},
        {"kubeProxyVersion", ""},
        {"machineID", ""},
        {"systemUUID", ""},
        {"bootID", ""}}},
      {"addresses", Json::array({{{"type", "InternalIP"},
                                  {"address", fmt::format("10.{}.{}.{}", 128 + (index >> 16 & 63),
                                                          index >> 8 & 255, index & 255)}},
                                 {{"type", "Hostname"}, {"address", name}}})},
      {"conditions", Json::array({{{"type", "Ready"},
                                   {"status", "True"},
                                   {"reason", "KubeletReady"},
                                   {"message", "simulated kubelet is ready"}}})}};
  return {{"apiVersion", "v1"},
          {"kind", "Node"},
          {"metadata", std::move(metadata)},
          {"spec", std::move(spec)},
          {"status", std::move(status)}};
}

}  // namespace stowage::sandbox
