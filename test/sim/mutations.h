#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kube/client/transport.h"
#include "kube/core/watch_decoder.h"
#include "kube/runtime/environment.h"

namespace stowage::sim {

/// A bug as the outside of a process shows it: what it sends, and what it makes of what it gets. Sits between
/// the process and its network, so that the product carries no branch for it.
class Bug {
 public:
  virtual ~Bug() = default;
  /// Before a request leaves. False: it is not sent at all, and `instead` is what the process believes.
  virtual bool sends(kube::HttpRequest& /*request*/, kube::HttpResponse& /*instead*/) { return true; }
  /// What the process makes of an answer. True: the request, as it stands now, is sent once more.
  virtual bool hears(kube::HttpRequest& /*request*/, Result<kube::HttpResponse>& /*answer*/) { return false; }
  /// One object of a list or watch, as the process reads it; false: it overlooks it.
  virtual bool sees(const std::string& /*target*/, kube::WatchType& /*type*/, std::string& /*json*/) {
    return true;
  }
};

/// A seeded bug: its name, what is wrong, who has it.
struct Mutation {
  std::string name;
  std::string role;  ///< "operator" or "scheduler".
  std::string what;
  std::function<std::unique_ptr<Bug>()> make;
};

const std::vector<Mutation>& mutations();
/// Null when there is none of this name.
const Mutation* find_mutation(const std::string& name);

/// `next` as a process with the bug would use it.
std::unique_ptr<kube::Transport> make_mutant(const Mutation& mutation, kube::Transport& next,
                                             kube::Environment env);

}  // namespace stowage::sim
