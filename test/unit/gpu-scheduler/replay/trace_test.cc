#include "gpu-scheduler/replay/trace.h"

#include <catch2/catch.hpp>
#include <string>

#include "kube/runtime/text_file.h"
#include "test/support/temp_folder.h"

namespace stowage::replay {
namespace {

/// A small trace on disk; each test spoils one file.
class Files {
 public:
  std::string nodes = "sn,cpu_milli,memory_mib,gpu,model\nn1,64000,1000,2,T4\nn0,64000,1000,0,\n";
  std::string pods =
      "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\np1,1000,10,1,500,\np0,1000,10,1,1000,T4\n";
  std::string order = "42 0 1 1\n";
  std::string rank = "42 1 0\n";

  /// The trace, or the error without the folder's name.
  Result<Trace> load() {
    TraceFiles files{folder_.file("nodes"), folder_.file("pods"), folder_.file("order"),
                     folder_.file("rank")};
    REQUIRE(kube::write_text_file(files.nodes, nodes));
    REQUIRE(kube::write_text_file(files.pods, pods));
    REQUIRE(kube::write_text_file(files.order, order));
    REQUIRE(kube::write_text_file(files.noderank, rank));
    return load_trace(files);
  }
  std::string error() {
    auto trace = load();
    if (trace) return "accepted";
    std::string text = trace.error().message;
    const std::string prefix = folder_.file("");
    for (size_t at = 0; (at = text.find(prefix)) != std::string::npos;)
      text.erase(at, prefix.size());
    return text;
  }

 private:
  TempFolder folder_;
};

TEST_CASE("lists in any order: sorted by name, orders as written") {
  Files files;
  auto trace = files.load();
  REQUIRE(trace);
  CHECK(trace->nodes[0].name == "n0");
  CHECK(trace->pods[0].name == "p0");
  CHECK(trace->pods[0].models == std::vector<std::string>{"T4"});
  CHECK(trace->pods[1].gpu_milli == 500);
  CHECK(trace->order.at(42) == std::vector<uint32_t>{0, 1, 1});
  CHECK(trace->capacity_milli() == 2000);
}

TEST_CASE("BOM, CRLF, quotes, blanks, empty lines, another order of columns: the same trace") {
  Files files;
  files.nodes =
      "\xEF\xBB\xBFmodel,sn, cpu_milli ,memory_mib,gpu,note\r\n\r\nT4,\"n1\",64000.0,1000,2,\"a, "
      "\"\"b\"\"\"\r\n"
      ",n0,64000,1000,0,\r\n";
  files.order =
      "\xEF\xBB\xBF"
      "42 0 1 1\r\n";
  files.rank = "42\t1 0 \r\n\r\n";
  auto trace = files.load();
  REQUIRE(trace);
  CHECK(trace->nodes[1].name == "n1");
  CHECK(trace->nodes[1].cpu_milli == 64000);
  CHECK(trace->nodes[1].model == "T4");
  CHECK(trace->order.at(42) == std::vector<uint32_t>{0, 1, 1});
}

TEST_CASE("mistake in a node list: file and line") {
  const std::string head = "sn,cpu_milli,memory_mib,gpu,model\n";
  for (const auto& [text, error] : std::vector<std::pair<std::string, std::string>>{
           {"", "nodes:1: the file is empty"},
           {head, "nodes:1: no nodes below the header"},
           {"sn,memory_mib,gpu\nn,1,1\n", "nodes:1: no column \"cpu_milli\"; there are: sn, memory_mib, gpu"},
           {"sn,sn,memory_mib,gpu\n", "nodes:1: the column \"sn\" stands twice"},
           {head + "a,1,1,1\n", "nodes:2: 4 columns, the header has 5"},
           {head + "a,1,1,1,T4\na,1,1,1,T4\n", "nodes:3: \"a\" stands twice, first in line 2"},
           {head + ",1,1,1,T4\n", "nodes:2: sn is empty"},
           {head + "a,many,1,1,T4\n",
            "nodes:2: cpu_milli is \"many\": must be a whole number from 0 to 1099511627776"},
           {head + "a,nan,1,1,T4\n",
            "nodes:2: cpu_milli is \"nan\": must be a whole number from 0 to 1099511627776"},
           {head + "a,,1,1,T4\n",
            "nodes:2: cpu_milli is \"\": must be a whole number from 0 to 1099511627776"},
           {head + "a,1.5,1,1,T4\n",
            "nodes:2: cpu_milli is \"1.5\": must be a whole number from 0 to 1099511627776"},
           {head + "a,-5,1,1,T4\n", "nodes:2: cpu_milli is \"-5\": must not be negative"},
           {head + "a,99999999999999999999,1,1,T4\n",
            "nodes:2: cpu_milli is \"99999999999999999999\": must be at most 1099511627776"},
           {head + "a,1,1,65,T4\n", "nodes:2: gpu is \"65\": must be at most 64"},
           {head + "\"a,1,1,1,T4\n", "nodes:2: a quoted cell does not end, or text follows it"},
       }) {
    Files files;
    files.nodes = text;
    CAPTURE(text);
    CHECK(files.error() == error);
  }
}

TEST_CASE("mistake in a pod list: file and line") {
  const std::string head = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n";
  for (const auto& [text, error] : std::vector<std::pair<std::string, std::string>>{
           {head, "pods:1: no pods below the header"},
           {head + "a,1,1,1,1000,T4\nb,1,1,0,0,\na,1,1,0,0,\n",
            "pods:4: \"a\" stands twice, first in line 2"},
           {head + "a,1,1,1,1000,H100\n",
            "pods:2: gpu_spec names \"H100\", which no node has; the nodes have: T4"},
           {head + "a,1,1,2,500,\n", "pods:2: 2 GPUs of 500/1000: only a single GPU can be shared"},
           {head + "a,1,1,1,0,\n", "pods:2: 1 GPUs of 0/1000"},
           {head + "a,1,1,1,1001,\n", "pods:2: gpu_milli is \"1001\": must be at most 1000"},
       }) {
    Files files;
    files.pods = text;
    CAPTURE(text);
    CHECK(files.error() == error);
  }
}

TEST_CASE("mistake in orders or ranks: file and line") {
  Files files;
  files.order = "";
  CHECK(files.error() == "order:1: the file is empty");
  files.order = "42 0 2\n";
  CHECK(files.error() == "order:1: entry 2 is 2, outside 0..1: is the file of this list?");
  files.order = "42 0\n43 -1\n";
  CHECK(files.error() == "order:2: \"-1\" is not a whole number from 0: want a seed, then indices");
  files.order = "42 0\n42 1\n";
  CHECK(files.error() == "order:2: seed 42 stands twice");
  files.order = "42\n";
  CHECK(files.error() == "order:1: seed 42 has no entries");
  files.order = "sn,cpu_milli\n";
  CHECK(files.error() == "order:1: \"sn,cpu_milli\" is not a whole number from 0: want a seed, then indices");
  files.order = "42 99999999999999999999\n";
  CHECK(files.error().starts_with("order:1: \"99999999999999999999\" is not a whole number"));
  files.order = "42 0\n";
  files.rank = "42 0\n";
  CHECK(files.error() == "rank:1: 1 entries after the seed, expected 2");
  files.rank = "42 1 1\n";
  CHECK(files.error() == "rank:1: rank 1 stands twice");
}

TEST_CASE("file that is not there, or a folder: named") {
  auto missing = load_trace({"/nowhere/nodes.csv", "", "", ""});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message == "/nowhere/nodes.csv: cannot be opened: No such file or directory");
  auto folder = load_trace({"/", "", "", ""});
  REQUIRE_FALSE(folder);
  CHECK(folder.error().message == "/: is a folder, not a file");
}

}  // namespace
}  // namespace stowage::replay
