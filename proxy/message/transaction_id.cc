#include "proxy/message/transaction_id.h"

#include <bit>
#include <span>

#include "proxy/base/crypto/digest.h"

namespace sallyport::message {
namespace {

constexpr char kDigits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::size_t kTimeDigits = 9;  // enough until the year 5188

void write_base36(std::span<char> out, std::uint64_t value) {
  for (std::size_t i = out.size(); i-- > 0; value /= 36) out[i] = kDigits[value % 36];
}

}  // namespace

TransactionIds::TransactionIds() {
  for (auto& word : state_) word = crypto::random_u64();
}

TransactionId TransactionIds::next(WallTime now) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  TransactionId id;
  const std::span<char> all(id.characters_);
  write_base36(all.first(kTimeDigits), static_cast<std::uint64_t>(milliseconds));
  write_base36(all.subspan(kTimeDigits), random());
  return id;
}

// xoshiro256++ (Blackman and Vigna): the standard's engines are slow or weak.
std::uint64_t TransactionIds::random() {
  const auto result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const auto shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

}  // namespace sallyport::message
