#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "gpu-scheduler/feasible/feasible.h"

/// What `stowage-replay feasible` says of files that no cluster gave. Each row is one mistake in an object
/// that begins in line 3 of its file, behind one good pod that must not be answered.
namespace stowage::feasible {
namespace {

constexpr std::string_view kPod = R"({"kind":"Pod","metadata":{"name":"p","namespace":"x"},"spec":{}})";

std::string file_with(std::string_view item) {
  return fmt::format("{{\"kind\":\"List\",\"items\":[\n{},\n{}\n]}}\n", kPod, item);
}

struct Outcome {
  Error error{.code = Code::kInternal, .message = "no error"};
  std::vector<std::string> lines;
};

Outcome outcome_of(std::string_view text) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / fmt::format("stowage-feasible-{}.json", ::getpid());
  std::ofstream(file) << text;
  Outcome out;
  const auto done = run({file.string()}, [&](const std::string& line) { out.lines.push_back(line); });
  std::filesystem::remove(file);
  if (done) return out;
  out.error = done.error();
  // The name of the file is the machine's.
  REQUIRE(out.error.message.starts_with(file.string() + ":"));
  out.error.message.replace(0, file.string().size(), "F");
  return out;
}

std::string node(std::string_view rest) {
  return fmt::format(R"({{"kind":"Node","metadata":{{"name":"a"}},{}}})", rest);
}

std::string allocatable(std::string_view amounts) {
  return node(fmt::format(R"("status":{{"allocatable":{{{}}}}})", amounts));
}

std::string pod(std::string_view spec) {
  return fmt::format(R"({{"kind":"Pod","metadata":{{"name":"q","namespace":"x"}},"spec":{{{}}}}})", spec);
}

std::string requests(std::string_view amounts) {
  return pod(fmt::format(R"("containers":[{{"name":"c","resources":{{"requests":{{{}}}}}}}])", amounts));
}

constexpr std::string_view kNoQuantity =
    "is not a quantity: write a number with an optional suffix, such as 8, 500m, 1.5 or 80Gi";

TEST_CASE("one bad object: the error names file, line, item, path and remedy, and nothing is answered") {
  struct Row {
    std::string item;
    std::string said;
    Code code = Code::kInvalidArgument;
  };
  const std::string request = "spec.containers[0].resources.requests.";
  const std::vector<Row> rows{
      // Not numbers.
      {allocatable(R"("cpu":"lots")"), fmt::format("status.allocatable.cpu: \"lots\" {}", kNoQuantity),
       Code::kMalformed},
      {allocatable(R"("memory":"NaN")"), fmt::format("status.allocatable.memory: \"NaN\" {}", kNoQuantity),
       Code::kMalformed},
      {allocatable(R"("memory":"-Inf")"), fmt::format("status.allocatable.memory: \"-Inf\" {}", kNoQuantity),
       Code::kMalformed},
      {requests(R"("nvidia.com/gpu":"Infinity")"),
       fmt::format("{}nvidia.com/gpu: \"Infinity\" {}", request, kNoQuantity), Code::kMalformed},
      {requests(R"("cpu":"")"), fmt::format("{}cpu: \"\" {}", request, kNoQuantity), Code::kMalformed},
      {requests(R"("cpu":"0x10")"), fmt::format("{}cpu: \"0x10\" {}", request, kNoQuantity),
       Code::kMalformed},
      {requests(R"("cpu":true)"), fmt::format("{}cpu: \"true\" {}", request, kNoQuantity), Code::kMalformed},
      // Negative.
      {allocatable(R"("cpu":"-1")"), "status.allocatable.cpu: is negative: write 0 or more"},
      {allocatable(R"("nvidia.com/gpu":-8)"),
       "status.allocatable.nvidia.com/gpu: is negative: write 0 or more"},
      {requests(R"("memory":"-1Gi")"), request + "memory: is negative: write 0 or more"},
      {requests(R"("memory":"-9e30")"), request + "memory: is negative: write 0 or more"},
      {pod(R"("initContainers":[{},{"resources":{"requests":{"cpu":"-1m"}}}])"),
       "spec.initContainers[1].resources.requests.cpu: is negative: write 0 or more"},
      {pod(R"("overhead":{"cpu":"-5"})"), "spec.overhead.cpu: is negative: write 0 or more"},
      {pod(R"("resources":{"requests":{"cpu":"-5"}})"),
       "spec.resources.requests.cpu: is negative: write 0 or more"},
      {R"({"kind":"Pod","metadata":{"name":"q"},"status":{"containerStatuses":[{"allocatedResources":{"cpu":"-1"}}]}})",
       "status.containerStatuses[0].allocatedResources.cpu: is negative: write 0 or more"},
      {R"({"kind":"PersistentVolume","metadata":{"name":"v"},"spec":{"capacity":{"storage":"-1"}}})",
       "spec.capacity.storage: is negative: write 0 or more"},
      {R"({"kind":"PersistentVolumeClaim","metadata":{"name":"v"},"spec":{"resources":{"requests":{"storage":"-1"}}}})",
       "spec.resources.requests.storage: is negative: write 0 or more"},
      {pod(R"("containers":[{"ports":[{"hostPort":-1}]}])"),
       "spec.containers[0].ports[0].hostPort: is -1: write a port from 1 to 65535, or 0 for none"},
      {pod(R"("topologySpreadConstraints":[{"maxSkew":-1}])"),
       "spec.topologySpreadConstraints[0].maxSkew: is -1: write 1 or more"},
      {pod(R"("topologySpreadConstraints":[{"maxSkew":1,"minDomains":0}])"),
       "spec.topologySpreadConstraints[0].minDomains: is 0: write 1 or more"},
      // Too large.
      {pod(R"("containers":[{"ports":[{"hostPort":65536}]}])"),
       "spec.containers[0].ports[0].hostPort: is 65536: write a port from 1 to 65535, or 0 for none"},
      {pod(R"("topologySpreadConstraints":[{"maxSkew":3000000000}])"),
       "spec.topologySpreadConstraints[0].maxSkew: the number does not fit 32 bits", Code::kMalformed},
      {pod(R"("priority":99999999999999999999)"), "spec.priority: expected an integer", Code::kMalformed},
      // Of another type.
      {pod(R"("tolerations":{})"), "spec.tolerations: expected a list", Code::kMalformed},
      {pod(R"("tolerations":[{"operator":5}])"), "spec.tolerations[0].operator: expected a string",
       Code::kMalformed},
      {pod(R"("topologySpreadConstraints":[{"maxSkew":1.5}])"),
       "spec.topologySpreadConstraints[0].maxSkew: expected an integer", Code::kMalformed},
      {R"("text")", "not a JSON object: expected an object", Code::kMalformed},
      // Names.
      {R"({"kind":"Node","metadata":{"labels":{}}})",
       "metadata.name: is missing: every object of a cluster has one"},
      {R"({"kind":"StorageClass"})", "metadata.name: is missing: every object of a cluster has one"},
  };
  for (const auto& [item, said, code] : rows) {
    INFO(item);
    const Outcome outcome = outcome_of(file_with(item));
    CHECK(outcome.error.message == "F:3: items[1]: " + said);
    CHECK(outcome.error.code == code);
    CHECK(outcome.lines.empty());
  }
}

TEST_CASE("amounts beyond what can be added up: a typed error with the place, and nothing is answered") {
  for (const auto* amount : {"9e18", "1e30", "99999999999999999999999"}) {
    for (const std::string& item : {allocatable(fmt::format(R"("memory":"{}")", amount)),
                                    requests(fmt::format(R"("memory":"{}")", amount))}) {
      INFO(item);
      const Outcome outcome = outcome_of(file_with(item));
      CHECK(outcome.error.code == Code::kInvalidArgument);
      CHECK(outcome.error.message.starts_with("F:3: items[1]: "));
      CHECK(outcome.error.message.find("memory") != std::string::npos);
      CHECK(outcome.lines.empty());
    }
  }
}

TEST_CASE("two objects of one name: the second is refused") {
  const auto said = [](const std::string& one, const std::string& other) {
    return outcome_of(fmt::format("{{\"kind\":\"List\",\"items\":[{},\n{}]}}", one, other)).error.message;
  };
  CHECK(said(allocatable(""), allocatable(R"("cpu":"1")")) ==
        "F:2: items[1]: metadata.name: another Node of the list is \"a\" too: keep one of them");
  const std::string claim = R"({"kind":"PersistentVolumeClaim","metadata":{"name":"c","namespace":"x"}})";
  CHECK(said(claim, claim) ==
        "F:2: items[1]: metadata.name: another PersistentVolumeClaim of the list is \"x/c\" too: keep one of "
        "them");
}

TEST_CASE("a file that is no list, or not JSON: the error names its line") {
  CHECK(outcome_of("\n{\"kind\":\"Pod\"}").error.message ==
        "F:2: kind is \"Pod\": want a v1 List, as `kubectl get ... -o json` prints it");
  CHECK(outcome_of("\nkind: List").error.message ==
        "F:2: want a JSON object, as `kubectl get ... -o json` prints it");
  const Outcome nan = outcome_of(file_with(allocatable(R"("cpu":NaN)")));
  CHECK(nan.error.code == Code::kMalformed);
  CHECK(nan.lines.empty());
  const Outcome cut = outcome_of(file_with(kPod).substr(0, 120));
  CHECK(cut.error.code == Code::kMalformed);
}

TEST_CASE("an error in a later document: the file is not answered, its line is counted from the file's top") {
  const Outcome outcome = outcome_of(fmt::format("{{\"kind\":\"List\",\"items\":[{}]}}\n\n{}", kPod,
                                                 file_with(allocatable(R"("cpu":"-1")"))));
  CHECK(outcome.error.message == "F:5: items[1]: status.allocatable.cpu: is negative: write 0 or more");
  CHECK(outcome.lines.empty());
}

TEST_CASE("what kube-scheduler's plugins have an answer for is judged, however odd") {
  const std::string toleration = pod(R"("tolerations":[{"key":"k","operator":"Is"}])");
  const std::string selector = pod(
      R"("affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"k","operator":"Like","values":["x"]}]}]}}})");
  const std::string with_node = allocatable(R"("cpu":"4","pods":"9")");
  for (const auto& [item, nodes] : std::vector<std::pair<std::string, std::string>>{
           {toleration, R"(["a"])"},
           {selector, "[]"},
           {pod(R"("containers":null,"tolerations":[])"), R"(["a"])"}}) {
    const Outcome outcome = outcome_of(file_with(item + "," + with_node));
    INFO(outcome.error.message);
    REQUIRE(outcome.lines.size() == 2);
    CHECK(outcome.lines[1].ends_with("\"feasible\":" + nodes + "}"));
  }
}

TEST_CASE("a file that is not there: the error names it") {
  const auto done = run({"/nowhere/F.json"}, [](const std::string&) {});
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().message.find("/nowhere/F.json") != std::string::npos);
}

}  // namespace
}  // namespace stowage::feasible
