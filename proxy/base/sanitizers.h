// Whether this build uses AddressSanitizer. Memory that is kept for reuse would hide stale views
// from it.
#pragma once

namespace sallyport {

#if defined(__SANITIZE_ADDRESS__)
#define SALLYPORT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SALLYPORT_ADDRESS_SANITIZER 1
#endif
#endif

/// True with AddressSanitizer: released memory must go back to the heap at once, where it is
/// checked.
#if defined(SALLYPORT_ADDRESS_SANITIZER)
inline constexpr bool kUnderAddressSanitizer = true;
#undef SALLYPORT_ADDRESS_SANITIZER
#else
inline constexpr bool kUnderAddressSanitizer = false;
#endif

}  // namespace sallyport
