// What a login gives: who the client is, and what of the users table that was read from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "auth/source.h"
#include "proxy/base/clock.h"
#include "proxy/config/config.h"

namespace sallyport::auth {

/// Who a session speaks for. It is asked for again by Authenticator::renew, since users are
/// removed, and their rights change, while they are logged in.
class Identity {
 public:
  /// `user` as the table of this generation has it.
  Identity(std::shared_ptr<const config::User> user, std::uint64_t generation)
      : user_(std::move(user)), generation_(generation) {}
  /// `user`: the rights that the table of this generation gives to whom a source let in.
  Identity(std::shared_ptr<const config::User> user, Granted grant, std::uint64_t generation)
      : user_(std::move(user)), grant_(std::move(grant)), generation_(generation) {}

  /// As it is spelled in the configuration, however the client spelled it.
  const std::string& name() const { return user_->name; }
  /// What the user may do: senders and limits.
  const config::User& user() const { return *user_; }
  /// Of the users table that was read last.
  std::uint64_t generation() const { return generation_; }
  /// What a source said; null for a user of our own files.
  const Granted& grant() const { return grant_; }
  /// The source that let it in, for logs; "file" are our own.
  std::string_view source() const { return grant_ ? std::string_view(grant_->source) : "file"; }
  /// When what the client has shown ends, such as its token.
  TimePoint valid_until() const { return grant_ ? grant_->valid_until : kNever; }

 private:
  std::shared_ptr<const config::User> user_;
  Granted grant_;
  std::uint64_t generation_;
};

/// What has become of an Identity since it was read.
enum class Renewal : std::uint8_t {
  kHolds,            ///< Its rights are those of the table in force.
  kRemoved,          ///< No such user any more.
  kPasswordChanged,  ///< What the client has proved is not what would be asked for now.
};

}  // namespace sallyport::auth
