#include "kube/client/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>

namespace stowage::kube {
namespace {

std::string place(std::string_view file, const YAML::Mark& mark) {
  std::string out(file);
  if (mark.line >= 0) out.append(":").append(std::to_string(mark.line + 1));
  return out;
}

/// Walks the events without building nodes and stops at the first thing that is not allowed.
class Guard final : public YAML::EventHandler {
 public:
  struct Refused {
    YAML::Mark mark;
    const char* why;
  };

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{.mark = mark, .why = "YAML aliases (*name) are not accepted; write the value out"};
  }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    enter(mark);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    enter(mark);
  }
  void OnMapEnd() override { --depth_; }

 private:
  void enter(const YAML::Mark& mark) {
    if (++depth_ > kMaxYamlDepth) throw Refused{.mark = mark, .why = "YAML nested deeper than 32 levels"};
  }
  size_t depth_ = 0;
};

}  // namespace

Result<YAML::Node> load_yaml(std::string_view text, std::string_view file) {
  if (text.size() > kMaxYamlBytes) {
    return fail(Code::kInvalidArgument, std::string(file) + ": larger than 4 MiB");
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Guard guard;
    if (!parser.HandleNextDocument(guard)) return YAML::Node();
    return YAML::Load(std::string(text));
  } catch (const Guard::Refused& refused) {
    return fail(Code::kInvalidArgument, place(file, refused.mark) + ": " + refused.why);
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalidArgument, place(file, error.mark) + ": not valid YAML: " + error.msg);
  } catch (const std::exception& error) {
    return fail(Code::kInvalidArgument, std::string(file) + ": not valid YAML: " + error.what());
  }
}

std::string yaml_place(const YAML::Node& node, std::string_view file) {
  return place(file, node.IsDefined() ? node.Mark() : YAML::Mark::null_mark());
}

}  // namespace stowage::kube
