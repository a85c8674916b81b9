package shop.people

known if data.customers[input.user]

names contains name if some name, _ in data.customers
