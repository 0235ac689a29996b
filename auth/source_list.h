// All sources in force beside the users of our own files, in the order they are asked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "auth/guarded_source.h"
#include "auth/source.h"
#include "proxy/base/ip_address.h"
#include "proxy/runtime/loop.h"

namespace sallyport::auth {

/// Networks whose clients need no AUTH, and the identity that they have.
struct TrustedNetwork {
  std::vector<IpNetwork> networks;
  Granted grant;
};

/// Immutable; thread-safe.
class SourceList {
 public:
  SourceList() = default;
  SourceList(std::vector<std::shared_ptr<GuardedSource>> sources,
             std::vector<TrustedNetwork> networks)
      : sources_(std::move(sources)), networks_(std::move(networks)) {}

  bool empty() const { return sources_.empty(); }
  const std::vector<std::shared_ptr<GuardedSource>>& all() const { return sources_; }
  const std::vector<TrustedNetwork>& networks() const { return networks_; }

  /// Whom one of them let in for the same not long ago; null: nobody.
  Granted recall(const Question& question, TimePoint now) const;
  /// Asks those that take it, one after the other, until one says yes. Away: none said yes, and one
  /// could not say. Refused: all said no, or there is none that takes it. The list outlives the
  /// task, and so does `question`.
  runtime::Task<Answer> ask(runtime::Loop& loop, const Question& question) const;

  /// Who clients of this address are without AUTH; null: nobody.
  Granted trusted(const IpAddress& client) const;

  /// Is there still the source that gave this?
  bool holds(const Grant& grant) const;

  void cut_off() const;
  /// A line for each source that could not answer when it was last asked.
  std::string troubles(TimePoint now) const;

 private:
  std::vector<std::shared_ptr<GuardedSource>> sources_;
  std::vector<TrustedNetwork> networks_;
};

}  // namespace sallyport::auth
