#include "gpu-scheduler/replay/wait_queue.h"

#include <algorithm>

#include "gpu-scheduler/engine/fit.h"

namespace stowage::replay {
namespace {

constexpr size_t kWindow = 60;

}  // namespace

WaitQueue::WaitQueue(const Trace& trace, const std::vector<engine::ClassId>& classes)
    : trace_(trace), classes_(classes) {}

void WaitQueue::push(const Waiting& waiting) {
  by_ticket_.emplace(waiting.ticket, waiting);
  by_class_[classes_[waiting.pod]].emplace(waiting.ticket, waiting.pod);
  if (trace_.pods[waiting.pod].gpus >= 2) multi_.emplace(waiting.ticket, waiting);
}

void WaitQueue::erase(const Waiting& waiting) {
  by_ticket_.erase(waiting.ticket);
  auto it = by_class_.find(classes_[waiting.pod]);
  it->second.erase(waiting.ticket);
  if (it->second.empty()) by_class_.erase(it);
  multi_.erase(waiting.ticket);
}

bool WaitQueue::fits(engine::ClusterState& state, engine::ClassId pod, engine::NodeIndex node) {
  return !engine::fits_on(state, pod, node);
}

std::optional<Waiting> WaitQueue::take_for(engine::ClusterState& state, engine::NodeIndex node, bool window) {
  std::map<engine::ClassId, bool> verdicts;
  auto fits_class = [&](engine::ClassId pod) {
    auto [it, fresh] = verdicts.try_emplace(pod, false);
    if (fresh) it->second = fits(state, pod, node);
    return it->second;
  };
  const Waiting* best = nullptr;
  if (window) {
    size_t seen = 0;
    int64_t largest = -1;
    for (const auto& [ticket, waiting] : by_ticket_) {
      if (++seen > kWindow) break;
      int64_t size = trace_.pods[waiting.pod].gpu_demand();
      if (size > largest && fits_class(classes_[waiting.pod])) best = &waiting, largest = size;
    }
  }
  if (!best) {
    uint64_t oldest = 0;
    for (const auto& [pod, tickets] : by_class_) {
      uint64_t ticket = tickets.begin()->first;
      if ((!best || ticket < oldest) && fits_class(pod)) best = &by_ticket_.at(ticket), oldest = ticket;
    }
  }
  if (!best) return std::nullopt;
  Waiting taken = *best;
  erase(taken);
  return taken;
}

std::vector<Waiting> WaitQueue::multi_gpu() const {
  constexpr size_t kMost = 16;
  std::vector<Waiting> out;
  for (const auto& [ticket, waiting] : multi_) {
    if (out.size() == kMost) break;
    out.push_back(waiting);
  }
  return out;
}

}  // namespace stowage::replay
