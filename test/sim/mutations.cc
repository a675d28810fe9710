#include "test/sim/mutations.h"

namespace stowage::sim {

const std::vector<Mutation>& mutations() {
  static const std::vector<Mutation> kAll;
  return kAll;
}

const Mutation* find_mutation(const std::string& name) {
  for (const Mutation& mutation : mutations()) {
    if (mutation.name == name) return &mutation;
  }
  return nullptr;
}

}  // namespace stowage::sim
