package main

import "github.com/spf13/cobra"

func (a *app) probeCommand() *cobra.Command { return &cobra.Command{Use: "probe"} }

func (a *app) doctorCommand() *cobra.Command { return &cobra.Command{Use: "doctor"} }

func (a *app) serveCommand() *cobra.Command { return &cobra.Command{Use: "serve"} }

func (a *app) scenarioCommand() *cobra.Command { return &cobra.Command{Use: "scenario"} }

func (a *app) loadCommand() *cobra.Command { return &cobra.Command{Use: "load"} }
