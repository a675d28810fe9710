#pragma once

#include "gpu-scheduler/engine/cluster_state.h"

namespace stowage::engine {

/// A checkpoint that rolls back unless it is committed.
class Transaction {
 public:
  explicit Transaction(ClusterState& state) : state_(state), point_(state.checkpoint()) {}
  ~Transaction() { rollback(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// Undoes everything since construction.
  void rollback() {
    if (open_) state_.rollback(point_);
    open_ = false;
  }
  /// Keeps everything.
  void commit() {
    if (open_) state_.commit(point_);
    open_ = false;
  }

 private:
  ClusterState& state_;
  ClusterState::Checkpoint point_;
  bool open_ = true;
};

}  // namespace stowage::engine
