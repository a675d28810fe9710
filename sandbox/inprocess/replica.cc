#include "sandbox/inprocess/replica.h"

#include "base/check.h"

namespace stowage::sandbox {
namespace {

kube::LifeOptions life_options(const Role& role, const std::string& identity, bool leader_elect) {
  const std::string name = "stowage-" + role.name;
  return {.name = name,
          .user_agent = name + "/sandbox",
          .leader_elect = leader_elect,
          .lease = {.ns = "stowage-system",
                    .name = name,
                    .identity = identity,
                    .lease = role.lease,
                    .renew = role.renew,
                    .retry = role.retry}};
}

}  // namespace

Replica::Replica(kube::Environment env, Server& server, const Role& role, std::string identity,
                 bool leader_elect, Network* network)
    : identity_(std::move(identity)), transport_(env, server, "stowage-" + role.name, network) {
  life_ = std::make_unique<kube::ProcessLife>(env, transport_, life_options(role, identity_, leader_elect));
  const std::string text = "apiVersion: config.stowage.dev/v1alpha1\nkind: " + role.config_kind + "\n";
  auto config = kube::ConfigFile::parse(text, "sandbox", role.config_kind);
  STOWAGE_CHECK(config.has_value(), "the empty configuration is valid");
  config_ = *std::move(config);
  auto component = role.make(life_->context(metrics_, config_->root()));
  STOWAGE_CHECK(component.has_value(), "the component can be built");
  component_ = *std::move(component);
}

Replica::~Replica() = default;

boost::asio::awaitable<void> Replica::run() {
  exit_code_ = co_await life_->run(*component_);
}

}  // namespace stowage::sandbox
