#include "proxy/net/ticket_keys.h"

#include <openssl/cipher.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <mutex>
#include <utility>

namespace sallyport::net {
namespace {

/// Where a context keeps its keys. The only per-context data BoringSSL has to carry for us besides
/// its own.
int keys_slot() {
  static const int slot = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

// The answers of BoringSSL's ticket callback.
constexpr int kUse = 1;
constexpr int kUseAndRenew = 2;
constexpr int kIgnore = 0;
constexpr int kFail = -1;

int on_ticket(SSL* ssl, std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* mac,
              int encrypt) {
  auto* keys =
      static_cast<TicketKeys::Impl*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_slot()));
  if (keys == nullptr) return kIgnore;
  if (encrypt == 1) {
    const TicketKey key = keys->current();
    std::copy(key.name.begin(), key.name.end(), name);
    RAND_bytes(iv, EVP_MAX_IV_LENGTH);
    const bool ready =
        EVP_EncryptInit_ex(cipher, EVP_aes_128_cbc(), nullptr, key.cipher.data(), iv) == 1 &&
        HMAC_Init_ex(mac, key.mac.data(), key.mac.size(), EVP_sha256(), nullptr) == 1;
    return ready ? kUse : kFail;
  }
  const auto found =
      keys->find(std::span<const std::uint8_t, TicketKey::kNameSize>(name, TicketKey::kNameSize));
  if (!found) return kIgnore;
  const bool ready =
      EVP_DecryptInit_ex(cipher, EVP_aes_128_cbc(), nullptr, found->key.cipher.data(), iv) == 1 &&
      HMAC_Init_ex(mac, found->key.mac.data(), found->key.mac.size(), EVP_sha256(), nullptr) == 1;
  if (!ready) return kFail;
  return found->is_current ? kUse : kUseAndRenew;
}

std::uint32_t seconds(Duration span) {
  return static_cast<std::uint32_t>(
      std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(span).count(), 1));
}

}  // namespace

TicketKey::TicketKey(TimePoint now) : made(now) {
  RAND_bytes(name.data(), name.size());
  RAND_bytes(cipher.data(), cipher.size());
  RAND_bytes(mac.data(), mac.size());
}

TicketKey::~TicketKey() {
  OPENSSL_cleanse(cipher.data(), cipher.size());
  OPENSSL_cleanse(mac.data(), mac.size());
}

bool TicketKey::is_named(std::span<const std::uint8_t, kNameSize> other) const {
  return std::equal(name.begin(), name.end(), other.begin());
}

TicketKeys::TicketKeys(Duration lifetime, std::function<TimePoint()> clock)
    : impl_(std::make_unique<Impl>(lifetime, std::move(clock))) {}

TicketKeys::~TicketKeys() = default;

TicketKeys::Impl::Impl(Duration lifetime_of_keys, std::function<TimePoint()> clock_to_use)
    : lifetime(lifetime_of_keys), clock(std::move(clock_to_use)), current_(clock()) {}

TicketKey TicketKeys::Impl::current() {
  rotate_if_due();
  const std::shared_lock lock(mutex_);
  return current_;
}

std::optional<TicketKeys::Impl::Found> TicketKeys::Impl::find(
    std::span<const std::uint8_t, TicketKey::kNameSize> name) {
  rotate_if_due();
  const std::shared_lock lock(mutex_);
  if (current_.is_named(name)) return Found{current_, true};
  if (previous_ && previous_->is_named(name)) return Found{*previous_, false};
  return std::nullopt;
}

void TicketKeys::Impl::rotate_if_due() {
  const TimePoint now = clock();
  {
    const std::shared_lock lock(mutex_);
    if (now - current_.made < lifetime) return;
  }
  const std::lock_guard lock(mutex_);
  const Duration age = now - current_.made;
  if (age < lifetime) return;  // another worker was faster
  previous_.reset();
  if (age < 2 * lifetime) previous_ = current_;
  current_ = TicketKey(now);
}

void TicketKeys::Impl::attach(const TicketKeys& keys, SSL_CTX* context) {
  SSL_CTX_set_ex_data(context, keys_slot(), &keys.impl());
  SSL_CTX_set_tlsext_ticket_key_cb(context, on_ticket);
  // A ticket lives no longer than the key it is sealed with is sure to be known.
  SSL_CTX_set_timeout(context, seconds(keys.impl().lifetime));
  SSL_CTX_set_session_psk_dhe_timeout(context, seconds(keys.impl().lifetime));
}

}  // namespace sallyport::net
