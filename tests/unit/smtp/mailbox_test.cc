#include "proxy/smtp/mailbox.h"

#include <gtest/gtest.h>
