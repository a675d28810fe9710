#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "kube/runtime/leader_elector.h"
#include "test/support/scripted_transport.h"

namespace stowage::test {

/// A server that knows one Lease: create, get, merge patch with a version, and watch. Other calls go to
/// `on_other`. Faults are switched on by the test.
class LeaseServer {
 public:
  explicit LeaseServer(kube::Environment env);

  [[nodiscard]] ScriptedTransport& transport() { return transport_; }
  /// Who holds the lease now; empty when nobody does or there is none.
  [[nodiscard]] const std::string& holder() const { return holder_; }
  [[nodiscard]] int64_t transitions() const { return transitions_; }
  [[nodiscard]] bool exists() const { return version_ > 0; }
  /// GETs of the lease so far: what a polling standby would cause.
  [[nodiscard]] int gets() const { return gets_; }
  [[nodiscard]] int renewals() const { return patches_; }
  /// A foreign write, with kubectl or by a rival.
  void write(std::string holder);
  /// A foreign write that says nothing of who leads: an annotation.
  void annotate();
  /// No answer to anything any more (true), or answers again.
  void set_down(bool down) { down_ = down; }
  /// The next write is applied, and its answer lost.
  void lose_next_reply() { lose_reply_ = true; }
  /// The next write finds that somebody else wrote in between.
  void conflict_next() { conflict_ = true; }
  /// The next write is applied at once and answered this much later.
  void delay_next_reply(Millis wait) { delay_ = wait; }
  void on_other(ScriptedTransport::OnCall handler) { other_ = std::move(handler); }

 private:
  ScriptedTransport::Reply answer(const kube::HttpRequest& request);
  ScriptedTransport::Reply get();
  ScriptedTransport::Reply change(const kube::HttpRequest& request);
  [[nodiscard]] std::string body() const;
  void changed();

  ScriptedTransport transport_;
  ScriptedTransport::OnCall other_;
  std::string holder_;
  std::string renewed_;
  int64_t duration_ = 0;
  int64_t transitions_ = 0;
  int64_t version_ = 0;
  int gets_ = 0;
  int patches_ = 0;
  bool down_ = false;
  bool lose_reply_ = false;
  bool conflict_ = false;
  Millis delay_{0};
};

/// The lease of these tests, as this replica wants it; times are the defaults.
inline kube::LeaseOptions test_lease(std::string identity) {
  return {.ns = "stowage-system", .name = "stowage-test", .identity = std::move(identity)};
}

}  // namespace stowage::test
