#include "controllers/model_deployment/names.h"

#include <fmt/format.h>

namespace stowage::model_deployment {

std::string group_name(std::string_view deployment, int32_t replica, int32_t attempt) {
  return fmt::format("{}-{}-{}", deployment, replica, attempt);
}

std::string pod_name(std::string_view deployment, int32_t replica, int32_t attempt, int32_t rank) {
  return fmt::format("{}-{}-{}-{}", deployment, replica, attempt, rank);
}

std::string members_service(std::string_view deployment) {
  return fmt::format("{}-members", deployment);
}

std::string scale_selector(std::string_view deployment) {
  return fmt::format("{}={},{}=0", kDeploymentLabel, deployment, kRankLabel);
}

std::string revision_name(std::string_view deployment, std::string_view key, int salt) {
  // FNV-1a, 64 bits; letters and digits that spell no words, as Kubernetes' own safe encoding has them.
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  uint64_t hash = 14695981039346656037ULL ^ static_cast<uint64_t>(salt);
  for (const char c : key) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  std::string suffix;
  for (int i = 0; i < 10; ++i) {
    suffix += kAlphabet[hash % kAlphabet.size()];
    hash /= kAlphabet.size();
  }
  return fmt::format("{}-{}", deployment, suffix);
}

}  // namespace stowage::model_deployment
