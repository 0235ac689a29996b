// The keys that session tickets are sealed with, and the callback BoringSSL seals them by.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <shared_mutex>
#include <span>

#include "proxy/net/boringssl.h"
#include "proxy/net/tls.h"

namespace sallyport::net {

/// One generation of keys; its name travels in the ticket.
struct TicketKey {
  static constexpr std::size_t kNameSize = SSL_TICKET_KEY_NAME_LEN;

  explicit TicketKey(TimePoint now);
  TicketKey(const TicketKey&) = default;
  TicketKey& operator=(const TicketKey&) = default;
  ~TicketKey();
  bool is_named(std::span<const std::uint8_t, kNameSize> other) const;

  std::array<std::uint8_t, kNameSize> name;
  std::array<std::uint8_t, 16> cipher;
  std::array<std::uint8_t, 32> mac;
  TimePoint made;
};

struct TicketKeys::Impl {
  Impl(Duration lifetime_of_keys, std::function<TimePoint()> clock_to_use);

  /// The key for new tickets; makes a fresh one when its time has come.
  TicketKey current();
  struct Found {
    TicketKey key;
    bool is_current;
  };
  std::optional<Found> find(std::span<const std::uint8_t, TicketKey::kNameSize> name);

  /// Seals and opens the tickets of `context`, which may be one of many. `keys` outlives it.
  static void attach(const TicketKeys& keys, SSL_CTX* context);

  const Duration lifetime;
  const std::function<TimePoint()> clock;

 private:
  void rotate_if_due();

  std::shared_mutex mutex_;
  TicketKey current_;
  std::optional<TicketKey> previous_;
};

}  // namespace sallyport::net
