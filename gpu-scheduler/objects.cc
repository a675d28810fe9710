#include "gpu-scheduler/objects.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

#include "api/core/json_walk.h"
#include "base/quantity.h"

namespace stowage::scheduler {

using api::JsonValue;

namespace {

void read_number(JsonValue value, std::optional<double>& out) {
  if (value.is_null()) return;
  const std::string text = value.raw();
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0') return value.fail("expected a number");
  out = number;
}

void read_score(JsonValue value, engine::PolicyConfig& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "fragmentation") return read_number(item, out.fragmentation);
    if (key == "packing") return read_number(item, out.packing);
    if (key == "topology") return read_number(item, out.topology);
    if (key == "cost") return read_number(item, out.cost);
    if (key == "weightsLocality") return read_number(item, out.weights_locality);
    if (key == "spread") return read_number(item, out.spread);
  });
}

void read_preemption(JsonValue value, engine::PolicyConfig& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "mode") return api::read(item, out.preemption_mode);
    if (key == "maxVictims") return api::read(item, out.preemption_max_victims);
  });
}

void read_level(JsonValue value, engine::TopologyLevel& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "name") return api::read(item, out.name);
    if (key == "labels") return api::read(item, out.labels);
  });
}

void read_policy_spec(JsonValue value, PolicyObject& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "strategy") return api::read(item, out.config.strategy);
    if (key == "score") return read_score(item, out.config);
    if (key == "preemption") return read_preemption(item, out.config);
    if (key == "gang") {
      return item.object([&out](std::string_view part, JsonValue value) {
        if (part == "timeout") api::read(value, out.gang_timeout);
      });
    }
    if (key == "topologyLevels") {
      return item.array([&out](JsonValue element) { read_level(element, out.levels.emplace_back()); });
    }
  });
}

void read_prices(JsonValue value, PoolObject& out) {
  value.object([&out](std::string_view product, JsonValue item) {
    std::string text;
    if (item.is_null()) return;
    text = item.raw();
    if (text.size() >= 2 && text.front() == '"') text = text.substr(1, text.size() - 2);
    const auto price = parse_price_micro(text);
    if (!price) return item.fail(price.error().message);
    out.price_micro.insert_or_assign(std::string(product), *price);
  });
}

void read_group_spec(JsonValue value, PodGroupObject& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "schedulingPolicy") {
      return item.object([&out](std::string_view policy, JsonValue gang) {
        if (policy != "gang") return;
        gang.object([&out](std::string_view part, JsonValue count) {
          if (part == "minCount") api::read(count, out.min_count);
        });
      });
    }
    if (key != "schedulingConstraints") return;
    item.object([&out](std::string_view kind, JsonValue list) {
      if (kind != "topology") return;
      list.array([&out](JsonValue element) {
        element.object([&out](std::string_view part, JsonValue label) {
          if (part == "key") api::read(label, out.topology_key);
        });
      });
    });
  });
}

}  // namespace

Result<int64_t> parse_price_micro(std::string_view text) {
  // A quantity in thousandths of thousandths: exact for every decimal string.
  if (text.find_first_not_of("0123456789.") != std::string_view::npos || text.empty())
    return fail(Code::kInvalidArgument,
                fmt::format("\"{}\" is not a price: write a decimal such as 2.49", text));
  auto scaled = parse_quantity_milli(std::string(text) + "k");
  if (!scaled) return std::unexpected(std::move(scaled).error());
  return *scaled;
}

Result<PolicyObject> decode_policy(std::string_view json) {
  PolicyObject out;
  TRY_VOID(api::read_json(json, [&out](JsonValue root) {
    root.object([&out](std::string_view key, JsonValue item) {
      if (key == "metadata") return api::read(item, out.meta);
      if (key == "spec") return read_policy_spec(item, out);
      if (key == "status") out.status = item.raw();
    });
  }));
  return out;
}

Result<PoolObject> decode_pool(std::string_view json) {
  PoolObject out;
  TRY_VOID(api::read_json(json, [&out](JsonValue root) {
    root.object([&out](std::string_view key, JsonValue item) {
      if (key == "metadata") return api::read(item, out.meta);
      if (key == "spec") {
        return item.object([&out](std::string_view part, JsonValue value) {
          if (part == "type") return api::read(value, out.type);
          if (part == "nodeSelector") return api::read(value, out.node_selector);
          if (part == "price") return read_prices(value, out);
        });
      }
      if (key == "status") out.status = item.raw();
    });
  }));
  return out;
}

Result<DeploymentObject> decode_deployment(std::string_view json) {
  DeploymentObject out;
  TRY_VOID(api::read_json(json, [&out](JsonValue root) {
    root.object([&out](std::string_view key, JsonValue item) {
      if (key == "metadata") return api::read(item, out.meta);
      if (key != "status") return;
      item.object([&out](std::string_view part, JsonValue value) {
        if (part == "placement") out.placement = value.raw();
      });
    });
  }));
  // kubectl keeps the whole manifest in an annotation.
  out.meta.labels = {};
  out.meta.annotations = {};
  out.meta.owners = {};
  out.meta.finalizers = {};
  return out;
}

Result<PodGroupObject> decode_pod_group(std::string_view json) {
  PodGroupObject out;
  TRY_VOID(api::read_json(json, [&out](JsonValue root) {
    root.object([&out](std::string_view key, JsonValue item) {
      if (key == "metadata") return api::read(item, out.meta);
      if (key == "spec") return read_group_spec(item, out);
    });
  }));
  return out;
}

}  // namespace stowage::scheduler
