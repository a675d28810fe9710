#include "sandbox/inprocess/virtual_drive.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace stowage::sandbox {
namespace {

/// Handlers between two steps of the server: far more than any world needs, and little memory when one spins.
constexpr int kMostAtOnce = 5'000'000;

}  // namespace

VirtualDrive::VirtualDrive(boost::asio::io_context& io, kube::VirtualClock& clock,
                           kube::VirtualTimers& timers, Server& server, Kubelets& kubelets, Hooks hooks)
    : io_(io),
      clock_(clock),
      timers_(timers),
      server_(server),
      kubelets_(kubelets),
      hooks_(std::move(hooks)) {}

void VirtualDrive::run_ready() {
  io_.restart();
  for (int handlers = 0; io_.poll_one() > 0; ++handlers) {
    STOWAGE_CHECK(handlers < kMostAtOnce, "a process never rests: it spins at one instant");
    if (io_.stopped()) io_.restart();
  }
}

void VirtualDrive::settle() {
  // Each round may give the next one work; a control plane that writes for ever at one instant is a bug of
  // its own.
  for (int round = 0; round < 10'000; ++round) {
    if (hooks_.before_round) hooks_.before_round();
    run_ready();
    bool changed = false;
    const bool collect = !hooks_.may_collect || hooks_.may_collect();
    while (collect && server_.step(clock_.wall()))
      changed = true;
    changed = kubelets_.step(clock_.wall()) || changed;
    if (hooks_.also_step) changed = hooks_.also_step() || changed;
    if (!changed) {
      if (hooks_.settled) hooks_.settled();
      return;
    }
  }
  STOWAGE_CHECK(false, "the world never settles: something writes in a circle at one instant");
}

std::optional<MonoTime> VirtualDrive::next_time() const {
  std::optional<MonoTime> next = timers_.next();
  const auto consider = [&](MonoTime time) { next = next ? std::min(*next, time) : time; };
  if (const auto due = kubelets_.next_due()) consider(clock_.now() + (*due - clock_.wall()));
  if (hooks_.next) {
    if (const auto wanted = hooks_.next()) consider(*wanted);
  }
  return next;
}

void VirtualDrive::advance_to(MonoTime time) {
  const auto timer = timers_.next();
  if (timer && *timer <= time) {
    timers_.fire_next();
  } else {
    clock_.advance_to(time);
  }
  settle();
}

bool VirtualDrive::run_until(const std::function<bool()>& condition, Millis limit) {
  const MonoTime end = clock_.now() + limit;
  settle();
  while (!condition()) {
    const auto next = next_time();
    if (!next || *next > end) {
      clock_.advance_to(end);
      settle();
      return condition();
    }
    advance_to(*next);
  }
  return true;
}

void VirtualDrive::run_for(Millis span) {
  run_until([] { return false; }, span);
}

}  // namespace stowage::sandbox
