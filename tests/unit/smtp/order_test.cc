#include "proxy/smtp/order.h"

#include <gtest/gtest.h>
