// Who may log in: one immutable table, built from [[auth.user]] and the users file, swapped whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/source.h"
#include "proxy/base/ascii.h"
#include "proxy/base/result.h"
#include "proxy/config/config.h"

namespace sallyport::auth {

/// What users that come from elsewhere may do.
struct Rights {
  std::vector<config::UserRule> rules = {};        ///< By name.
  std::vector<config::UserRule> group_rules = {};  ///< By group, where no rule is for the name.
  config::Limits limits = {};                      ///< Where neither is.
};

/// Users by name, without regard to the case of A-Z: mail programs and their users capitalise names
/// as they like, and RFC 4616 leaves the comparison to the server. All other octets count as they
/// are. A look-up costs the same among ten users and among 100,000. Thread-safe because it never
/// changes.
class UserTable {
 public:
  /// A table of these users. kInvalid names the user whose name is empty or is another one's but
  /// for case, or whose hash is of no scheme that can be verified.
  static Result<std::shared_ptr<const UserTable>> build(std::vector<config::User> users,
                                                        Rights rights = {});

  /// The user of that name, or null. It outlives the table for as long as it is held.
  std::shared_ptr<const config::User> find(std::string_view name) const;

  /// Whom a source let in, as a user with the rights that it has here. Null: the name is that of a
  /// user of this table, whom no source speaks for.
  std::shared_ptr<const config::User> user_of(const Grant& grant) const;

  /// A hash that no password has: checking an unknown user's password against it takes as long as a
  /// user's. Where users' hashes cost differently, so do the decoys, each cost as often as users
  /// have it, and for one name the same: no time tells a name that a user has from one that none
  /// has. `name` is compared as `find` does.
  const std::string& decoy_hash(std::string_view name) const;

  /// The iterations, and the octets of the salt, that most SCRAM verifiers of these users have;
  /// what we make ourselves if none has.
  std::uint32_t scram_iterations() const { return scram_iterations_; }
  std::size_t scram_salt_size() const { return scram_salt_size_; }
  /// What salts are made from for those who have no SCRAM verifier. It changes with one user's
  /// verifier only: a salt that changes while others stay would tell who has none.
  const std::string& scram_decoy_key() const { return scram_decoy_key_; }

  std::size_t size() const { return users_.size(); }

 private:
  UserTable() = default;

  // The keys view the users' own names.
  std::unordered_map<std::string_view, std::shared_ptr<const config::User>, ascii::CaselessHash,
                     ascii::CaselessEqual>
      users_;
  /// A decoy, and how many users' hashes cost as much, those before it included.
  struct Decoy {
    std::size_t users_up_to = 0;
    std::string hash;
  };
  std::vector<Decoy> decoys_;  // one at least
  Rights rights_;
  void make_scram_decoys(const std::map<std::string, std::string>& verifiers);

  std::uint32_t scram_iterations_ = 4096;
  std::size_t scram_salt_size_ = 16;
  std::string scram_decoy_key_;
};

}  // namespace sallyport::auth
