#pragma once

#include "api/core/node.h"
#include "api/core/pod.h"
#include "api/core/storage.h"
#include "base/result.h"

/// Objects of a file that somebody wrote or cut: what no API server would hold is refused before anything is
/// judged. What kube-scheduler's plugins have an answer for stays, also operators and effects that are
/// unknown: they match and cover nothing.
namespace stowage::feasible {

/// Errors of all: kInvalidArgument, as "path: what is wrong and what to do".

/// No name.
Result<void> check_name(const api::ObjectMeta& meta);
/// No name, a negative amount, a host port outside 0..65535, maxSkew or minDomains below 1.
Result<void> check(const api::Pod& pod);
/// No name, a negative amount.
Result<void> check(const api::Node& node);
Result<void> check(const api::PersistentVolumeClaim& claim);
Result<void> check(const api::PersistentVolume& volume);
Result<void> check(const api::StorageClass& storage_class);

}  // namespace stowage::feasible
