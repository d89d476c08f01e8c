"""The only readers of a recipe: they turn its sections into records and objects.

What these modules return is all that the helpers of a binary see; no helper knows a
`ConfigDict`.
"""
