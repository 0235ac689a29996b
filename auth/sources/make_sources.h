// From what the configuration says of [[auth.source]] to sources that can be asked.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/guarded_source.h"
#include "auth/source_list.h"
#include "proxy/config/auth_source.h"
#include "proxy/config/load.h"

namespace sallyport::auth {

/// A source, and what the files hold that it names.
struct SourceFiles {
  config::AuthSource settings;
  std::string ca = {};    ///< PEM; empty: the system's roots.
  std::string jwks = {};  ///< Of a file; empty: the keys are fetched.

  bool operator==(const SourceFiles&) const = default;
};

/// Reads the files that the sources of `config` name, and says what is wrong with them. Blocks.
std::expected<std::vector<SourceFiles>, std::vector<config::Problem>> read_sources(
    const config::Config& config, const config::Outside& outside);

/// Hears of each question to a source; see GuardedSource::Options.
using Heard = std::function<void(std::string_view source, Asked how, std::string_view reason)>;

/// Sources in the order of `files`, of which those that are as in `before` are kept, with what they
/// know. The others are begun anew.
class SourcesInForce {
 public:
  explicit SourcesInForce(Heard heard) : heard_(std::move(heard)) {}

  /// The sources of before that are no more are given back: whoever ends them blocks until what
  /// they have under way has ended, a second at the most.
  std::vector<std::shared_ptr<GuardedSource>> replace(const std::vector<SourceFiles>& files);
  std::shared_ptr<const SourceList> list() const { return list_; }

 private:
  struct One {
    SourceFiles files;
    std::shared_ptr<GuardedSource> source;  ///< Null: a network.
    Granted network;
  };

  One make(const SourceFiles& files) const;

  const Heard heard_;
  std::vector<One> all_;
  std::shared_ptr<const SourceList> list_ = std::make_shared<const SourceList>();
};

}  // namespace sallyport::auth
