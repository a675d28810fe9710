#include "test/sim/process.h"

namespace stowage::sim {
namespace {

kube::Environment own(test::VirtualWorld& world, Random& random, Logger& log) {
  kube::Environment shared = world.env();
  return {shared.executor, shared.clock, shared.timers, random, log};
}

}  // namespace

SimProcess::SimProcess(test::VirtualWorld& world, sandbox::Server& server, const Role& role, std::string name,
                       FaultPlan& plan, Checker& checker, uint64_t seed)
    : world_(world),
      name_(std::move(name)),
      plan_(plan),
      checker_(checker),
      random_(seed),
      replica_(own(world, random_, log_), server, role, name_, /*leader_elect=*/true, this) {}

SimProcess::~SimProcess() = default;

void SimProcess::start() {
  world_.spawn(replica_.run());
}

void SimProcess::kill() {
  dead_ = true;
  replica_.stop();
}

sandbox::CallFate SimProcess::on_call(const kube::HttpRequest& request) {
  if (dead_) return {.kind = sandbox::CallFate::Kind::kSwallowed};
  const MonoTime now = world_.clock().now();
  sandbox::CallFate fate = plan_.call(name_, request, now);
  int moment = 0;
  if (request.method != kube::Method::kGet && plan_.kill(name_, request, now, moment)) {
    // A process that dies while its request is under way: the server may still get it.
    fate.kind = moment == 0 ? sandbox::CallFate::Kind::kSwallowed : sandbox::CallFate::Kind::kSwallowedReply;
    kill();
  }
  return fate;
}

sandbox::StreamFate SimProcess::on_stream(const std::string& target) {
  if (dead_) return {.break_now = true};
  return plan_.stream(name_, target, world_.clock().now());
}

void SimProcess::on_applied(const kube::HttpRequest& request, int status) {
  checker_.after_write(name_, request, status, world_.clock().now(), world_.clock().wall());
}

}  // namespace stowage::sim
