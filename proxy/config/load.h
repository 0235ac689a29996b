// TOML text -> Config. The sole user of toml++.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.h"

namespace sallyport::config {

/// One thing wrong with a config: where, what, and what was expected.
struct Problem {
  std::string file;
  std::uint32_t line = 0;    ///< From 1; 0 when no place in the file is to blame.
  std::uint32_t column = 0;  ///< From 1.
  std::string what;          ///< One sentence; names the key and what was expected. Never a secret.

  /// `file:line:column: what`.
  std::string str() const;
  bool operator==(const Problem&) const = default;
};

/// Where the loader gets what lies outside the text; tests hand in their own.
struct Outside {
  std::function<Result<std::string>(const std::string& path)> read_file;
  std::function<std::optional<std::string>(const std::string& name)> environment;
  /// Can `path` be opened for reading? Unset: asked by reading it whole.
  std::function<Result<void>(const std::string& path)> readable = {};
  /// Can the folder `path` be listed? Unset: not asked.
  std::function<Result<void>(const std::string& path)> listable = {};
  /// Can files be made in the folder `path`? Unset: not asked.
  std::function<Result<void>(const std::string& path)> writable = {};
  /// The same, but a folder that is not there counts as its parent: it can be made. Unset: not
  /// asked.
  std::function<Result<void>(const std::string& path)> makeable = {};
  /// This machine's name, fully qualified if it knows itself so. Unset: it has none. May ask the
  /// resolver.
  std::function<std::optional<std::string>()> host_name = {};
  /// The names of all environment variables. Unset: only those that a configuration names are
  /// looked at.
  std::function<std::vector<std::string>()> environment_names = {};
  /// A hash of a password that the environment says in clear; the same one each time it is asked.
  /// Unset: such are refused.
  std::function<Result<std::string>(const Secret& password)> hash_password = {};
  /// The real files and environment of this process.
  static Outside real();
};

/// What `load` calls a configuration that is in no file.
inline constexpr std::string_view kEnvironment = "environment";

/// Reads `path` and what it refers to (secrets, the users file); gives a Config, or every problem
/// there is. Where there is no such file and SALLYPORT_PROVIDER is set, variables of the
/// environment are the configuration; `SALLYPORT__SECTION__KEY` overrule keys. Blocks on files and,
/// where `hostname` is not said, on the resolver: not for the loop's thread.
std::expected<Config, std::vector<Problem>> load(const std::string& path, const Outside& outside);

/// The same for text already at hand; `path` is only for messages and Config::file.
std::expected<Config, std::vector<Problem>> parse(std::string_view text, const std::string& path,
                                                  const Outside& outside);

/// Reads a users file (`[[user]]` tables with the keys of `[[auth.user]]`); `defaults` is
/// `[limits]`. No name may be one of `taken`: the server hands in Auth::users when it reads the
/// file again.
std::expected<std::vector<User>, std::vector<Problem>> parse_users(
    std::string_view text, const std::string& path, const Limits& defaults,
    std::span<const User> taken = {});

/// The secret that a file holds: one line, a trailing line end is not part of it. The error says
/// what is wrong with the file.
Result<Secret> read_secret_file(const Outside& outside, const std::string& path);

}  // namespace sallyport::config
