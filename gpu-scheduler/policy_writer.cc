#include "gpu-scheduler/policy_writer.h"

#include <fmt/core.h>

#include <chrono>
#include <optional>
#include <utility>

#include "base/log.h"
#include "gpu-scheduler/kinds.h"
#include "gpu-scheduler/policy_status.h"

namespace stowage::scheduler {

namespace asio = boost::asio;

namespace {

/// Quiet for this long: what is written now stays true for a while.
constexpr Millis kQuiet{1'500};

}  // namespace

uint64_t PolicyWriter::fingerprint() const {
  uint64_t out = cache_.state().change_end() * 31 + cache_.state().layout_version();
  for (const auto& [name, counts] : cycle_.counts())
    out = out * 31 + static_cast<uint64_t>(counts.placed + counts.unschedulable);
  for (const auto& [name, object] : policies_.objects())
    out = out * 31 + static_cast<uint64_t>(object->meta.generation);
  for (const auto& [name, object] : pools_.objects())
    out = out * 31 + static_cast<uint64_t>(object->meta.generation);
  return out * 31 + policies_.size() * 1009 + pools_.size();
}

asio::awaitable<void> PolicyWriter::run() {
  std::optional<uint64_t> written;
  uint64_t seen = fingerprint();
  MonoTime due = env_.clock.now() + every_;
  for (;;) {
    co_await env_.sleep_for(kQuiet);
    const uint64_t now = fingerprint();
    const bool quiet = std::exchange(seen, now) == now;
    if (written == now || (!quiet && env_.clock.now() < due)) continue;
    written = now;
    due = env_.clock.now() + every_;
    co_await write_all();
  }
}

asio::awaitable<void> PolicyWriter::write_all() {
  const WallTime now = env_.clock.wall();
  const std::vector<LevelRoom> room = shape_capacity(cache_.state());
  const auto policies = policies_.objects();
  for (const auto& [name, object] : policies) {
    const ActivePolicy* active = cycle_.policies().find(name);
    if (active == nullptr) continue;
    const auto counted = cycle_.counts().find(name);
    const auto base = base_.try_emplace(object->meta.uid, object->status).first;
    auto next = next_policy_status(*object, *active,
                                   counted == cycle_.counts().end() ? Cycle::Counts{} : counted->second, room,
                                   base->second, now);
    if (next) co_await write(kinds::kPolicies, object->meta, std::move(*next));
  }
  const auto overlaps = cache_.pools().overlaps(cache_.state());
  const auto pools = pools_.objects();
  for (const auto& [name, pool] : pools) {
    const auto other = overlaps.find(name);
    auto next = next_pool_status(*pool, cache_, other == overlaps.end() ? std::string{} : other->second, now);
    if (next) co_await write(kinds::kPools, pool->meta, std::move(*next));
  }
}

asio::awaitable<void> PolicyWriter::write(const kube::Resource& resource, api::ObjectMeta meta,
                                          std::string status) {
  std::string body =
      fmt::format(R"({{"apiVersion":"{}","kind":"{}","metadata":{{"name":{},"uid":{}}},"status":{}}})",
                  resource.api_version(), resource.kind, json_quote(meta.name), json_quote(meta.uid), status);
  const auto answer = co_await client_.apply(resource, {}, meta.name, std::move(body),
                                             {.field_manager = "stowage-scheduler", .force = true}, "status");
  if (!answer && answer.error().code != Code::kNotFound && answer.error().code != Code::kConflict)
    env_.log.warn("status not written",
                  {{"kind", resource.kind}, {"name", meta.name}, {"error", answer.error().to_string()}});
}

}  // namespace stowage::scheduler
