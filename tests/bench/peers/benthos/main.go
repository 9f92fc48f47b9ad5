// Benthos with the parts that this comparison needs: the released program has every connector, takes long to build, and does the same.
package main

import (
	"context"

	"github.com/benthosdev/benthos/v4/public/service"

	_ "github.com/benthosdev/benthos/v4/public/components/io"
	_ "github.com/benthosdev/benthos/v4/public/components/kafka"
	_ "github.com/benthosdev/benthos/v4/public/components/pure"
	_ "github.com/benthosdev/benthos/v4/public/components/sql/base"

	_ "github.com/go-sql-driver/mysql"
)

func main() { service.RunCLI(context.Background()) }
