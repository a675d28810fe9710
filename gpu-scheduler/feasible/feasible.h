#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gpu-scheduler/feasible/kube_list.h"

namespace stowage::feasible {

/// Where a pending pod may run, in the state that the list describes.
struct Answer {
  std::string pod;                 ///< "ns/name".
  std::vector<std::string> nodes;  ///< Sorted.
};

/// Judges every pod without a node, each alone, in the order of the list. Pods that have finished, or whose
/// node is not in the list, hold nothing. Errors: what the engine refuses (sums that it cannot count), as
/// "LINE: items[N]: path: sentence".
Result<std::vector<Answer>> judge(const KubeList& list);

/// {"file":F,"pod":"ns/name","feasible":[...]}, without a line end.
std::string to_json(std::string_view file, const Answer& answer);

/// `stowage-replay feasible F.json...`: reads each file and calls `print` with one line a pending pod. A file
/// of several documents gives names "F#1", "F#2", ... A file is answered whole or not at all: nothing is
/// printed before all of it was judged. Errors, for the first file that has one: it cannot be read, or
/// "FILE:LINE: [items[N]: path:] what is wrong and what to do".
Result<void> run(const std::vector<std::string>& files,
                 const std::function<void(const std::string& line)>& print);

}  // namespace stowage::feasible
