package shop.orders

import data.shop.people
import data.stock as store

default open := false

open if {
	some item in input.items
	store[item.name].count > 0
	people.known
}

late contains item.name if {
	some item in input.items
	item.days > data.limits.days
}

by_customer[name] := total if {
	some name
	data.customers[name]
	total := sum([item.price | some item in input.items; item.customer == name])
}

nested.deep.value := data.config["deep value"][0]

nested.other[x] := data.config.other[x]

discount(customer) := data.discounts[customer.kind] if known(customer)

discount(customer) := 0 if not known(customer)

known(customer) if data.customers[customer.name]

price := base - discount(input.customer) if {
	base := data.prices[input.product]
} else := data.prices.standard

every_one if every item in input.items { item.price < data.limits.price }

mocked if open with input as data.example with data.limits as {"days": 1}

indirect := data.shop.people[input.section]

dynamic := data.sections[input.a][input.b]

alone := 1
