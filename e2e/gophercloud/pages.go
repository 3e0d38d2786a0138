package main

import "github.com/gophercloud/gophercloud/pagination"

// paged is a list as gophercloud's pagers give it: page by page, and all at once.
type paged[T any] struct {
	Pages [][]T `json:"pages"`
	All   []T   `json:"all"`
}

// readPages follows a pager both ways; `extract` reads the items of a page.
func readPages[T any](pager pagination.Pager, extract func(pagination.Page) ([]T, error)) (interface{}, error) {
	list := paged[T]{Pages: [][]T{}}
	err := pager.EachPage(func(page pagination.Page) (bool, error) {
		items, err := extract(page)
		list.Pages = append(list.Pages, items)
		return err == nil, err
	})
	if err != nil {
		return nil, err
	}
	whole, err := pager.AllPages()
	if err != nil {
		return nil, err
	}
	list.All, err = extract(whole)
	return list, err
}
