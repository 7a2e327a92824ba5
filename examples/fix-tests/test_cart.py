import unittest

from cart import total


class Cart(unittest.TestCase):
    def test_an_empty_cart_costs_nothing(self):
        self.assertEqual(total([]), 0)

    def test_a_discount_is_taken_off(self):
        self.assertEqual(total([30, 50], discount=25), 60)


if __name__ == "__main__":
    unittest.main()
