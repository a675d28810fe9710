#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sandbox/apiserver/server.h"

namespace stowage::sandbox {

/// One line of the story of a run.
struct Entry {
  Millis at{0};  ///< Since the start.
  std::string kind, name, what;
};

/// Watches nodes, pods and ModelDeployments and tells what a person would notice of their changes, in the
/// order in which they were written.
class Timeline {
 public:
  using Tell = std::function<void(const Entry&)>;
  /// `server` outlives the timeline.
  Timeline(Server& server, Tell tell);
  ~Timeline();
  /// Takes in what changed; `at` is the time since the start.
  void poll(Millis at, WallTime now);

 private:
  struct Change;
  void drain(size_t watch, WallTime now, std::vector<Change>& out);
  Server& server_;
  Tell tell_;
  std::vector<std::unique_ptr<Watch>> watches_;
  std::map<std::string, std::string> last_;  ///< What was told of each object.
};

}  // namespace stowage::sandbox
