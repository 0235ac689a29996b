#include "proxy/config/password_hash.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "proxy/base/base64.h"
#include "proxy/config/numbers.h"

namespace sallyport::config {
namespace {

// One GiB passed over once takes a second or two; 2 GiB in all is the longest a login should ever
// wait.
constexpr std::uint64_t kMostMemoryKib = 1u << 20;
constexpr std::uint64_t kMostPasses = 64;
constexpr std::uint64_t kMostLanes = 16;
constexpr std::uint64_t kMostWorkKib = 2u << 20;
// RFC 9106 section 3.1 wants at least 8 KiB a lane and 8 octets of salt.
constexpr std::uint64_t kLeastMemoryKibPerLane = 8;
constexpr std::size_t kLeastSalt = 8;
constexpr std::size_t kLeastHash = 16;
constexpr std::size_t kMostOctets = 64;

std::unexpected<Error> wrong(std::string what) {
  return fail(ErrorCode::kInvalid, std::move(what));
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// How many octets unpadded base64 stands for, or nullopt if it is none.
std::optional<std::size_t> decoded_size(std::string_view text) {
  std::string padded(text);
  while (padded.size() % 4 != 0) padded += '=';
  if (text.contains('=')) return std::nullopt;
  const auto bytes = base64::decode(padded);
  if (!bytes) return std::nullopt;
  return bytes->size();
}

bool is_base64_of(std::string_view text, std::size_t least) {
  if (text.size() > 2 * kMostOctets) return false;
  const auto size = decoded_size(text);
  return size && *size >= least && *size <= kMostOctets;
}

}  // namespace

Result<PasswordHashCost> parse_argon2id(std::string_view text) {
  if (!take(text, "$argon2id$")) return wrong("it does not begin with $argon2id$");
  if (!take(text, "v=19$")) return wrong("its version is not 19 (v=19)");

  std::optional<std::uint64_t> memory, passes, lanes;
  const bool has_costs = take(text, "m=") && (memory = take_number(text)) && take(text, ",t=") &&
                         (passes = take_number(text)) && take(text, ",p=") &&
                         (lanes = take_number(text)) && take(text, "$");
  if (!has_costs || !memory || !passes || !lanes) {
    return wrong("its costs do not read m=KIB,t=PASSES,p=LANES");
  }
  if (*lanes < 1 || *lanes > kMostLanes) {
    return wrong(fmt::format("p={} is not from 1 to {}", *lanes, kMostLanes));
  }
  if (*memory < kLeastMemoryKibPerLane * *lanes || *memory > kMostMemoryKib) {
    return wrong(fmt::format("m={} is not from {} to {}", *memory, kLeastMemoryKibPerLane * *lanes,
                             kMostMemoryKib));
  }
  if (*passes < 1 || *passes > kMostPasses) {
    return wrong(fmt::format("t={} is not from 1 to {}", *passes, kMostPasses));
  }
  if (*memory * *passes > kMostWorkKib) {
    return wrong(fmt::format("m={} times t={} is past {}: each login would take many seconds",
                             *memory, *passes, kMostWorkKib));
  }

  const std::size_t dollar = text.find('$');
  if (dollar == std::string_view::npos) return wrong("it has no salt and hash at its end");
  if (!is_base64_of(text.substr(0, dollar), kLeastSalt)) {
    return wrong(fmt::format("its salt is not {} to {} octets in base64 without padding",
                             kLeastSalt, kMostOctets));
  }
  if (!is_base64_of(text.substr(dollar + 1), kLeastHash)) {
    return wrong(fmt::format("its hash is not {} to {} octets in base64 without padding",
                             kLeastHash, kMostOctets));
  }
  return PasswordHashCost{.memory_kib = static_cast<std::uint32_t>(*memory),
                          .passes = static_cast<std::uint32_t>(*passes),
                          .lanes = static_cast<std::uint32_t>(*lanes)};
}

}  // namespace sallyport::config
